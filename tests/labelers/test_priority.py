"""The priority of an exam is that of its gravest finding."""

import pyarrow as pa
import pytest

from labelers import RuleLabeler, load_scheme
from labelers.priority import priorities, priority_of


@pytest.mark.parametrize(
    ("text", "annarumma"),
    [
        ("Tension pneumothorax. Scoliosis.", "critical"),
        ("Pneumoperitoneum.", "critical"),
        ("Subcutaneous emphysema.", "critical"),
        ("Widened mediastinum.", "critical"),
        ("Aortic aneurysm.", "critical"),
        ("Right lower lobe consolidation. Cardiomegaly.", "urgent"),
        ("Left pleural effusion.", "urgent"),
        ("Rib fracture.", "urgent"),
        ("Pericardial effusion.", "urgent"),
        ("Cardiomegaly.", "non_urgent"),
        ("Hiatal hernia.", "non_urgent"),
        ("Linear atelectasis.", "non_urgent"),
        ("Right PICC.", "non_urgent"),
        ("No pneumothorax or effusion.", "normal"),
        ("Pneumothorax has resolved.", "normal"),
        ("Rule out pneumothorax.", "normal"),
        ("", "normal"),
    ],
)
def test_the_gravest_finding_decides(labeler: RuleLabeler, text: str, annarumma: str) -> None:
    assert priority_of(labeler.label(text, "findings"), load_scheme("annarumma")) == annarumma


def test_an_uncertain_finding_counts_unless_told_otherwise(labeler: RuleLabeler) -> None:
    labelling = labeler.label("Possible pneumothorax. Cardiomegaly.", "findings")
    scheme = load_scheme("annarumma")
    assert priority_of(labelling, scheme) == "critical"
    assert priority_of(labelling, scheme, uncertain=False) == "non_urgent"


def test_a_scheme_without_priorities_takes_those_of_the_vocabulary(labeler: RuleLabeler) -> None:
    scheme = load_scheme("nih14")
    own = {finding.id: finding.priority for finding in labeler.vocabulary.findings}
    assert not scheme.prioritised
    assert scheme.priorities == own
    for text, finding in (("Cardiomegaly.", "cardiomegaly"), ("Pneumonia.", "pneumonia")):
        assert priority_of(labeler.label(text, "findings"), scheme) == own[finding]


def test_what_is_only_implied_gives_way_to_what_implies_it(labeler: RuleLabeler) -> None:
    scheme = load_scheme("chexpert14")
    own = scheme.priorities
    labelling = labeler.label("Calcified nodule.", "findings")
    assert labelling.states["lung_lesion"] == 1
    assert (own["calcified_nodule"], own["lung_lesion"]) == ("non_urgent", "urgent")
    assert priority_of(labelling, scheme) == "non_urgent"


def test_many_exams_at_once_in_their_order(labeler: RuleLabeler) -> None:
    sections = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
    texts = ["Pneumothorax.", "Lungs are clear.", "Small effusion.", "Cardiomegaly."]
    reports = pa.table(
        {
            "exam_id": ["a", "b", "c", "d"],
            "sections": pa.array([[{"kind": "findings", "text": t}] for t in texts], sections),
        }
    )
    found = priorities(labeler.label_reports(reports).labels, load_scheme("annarumma"))
    assert found.type == pa.string()
    assert found.to_pylist() == ["critical", "normal", "urgent", "non_urgent"]
