"""Uncertain states that rest only on a choice between named diagnoses."""

import pyarrow as pa
import pytest

from labelers import RuleLabeler
from labelers.agreement_alternatives import rest_on_alternatives

CASES = [
    ("Left basilar atelectasis or pneumonia.", (True, True)),
    ("Right lower lobe opacity, atelectasis versus pneumonia.", (True, True)),
    ("Possible pneumonia.", (False, False)),
    ("Atelectasis or pneumonia. Pneumonia cannot be excluded.", (True, False)),
    ("Pneumonia.", (False, False)),
    ("No atelectasis or pneumonia.", (False, False)),
]


@pytest.fixture(scope="module")
def labeler() -> RuleLabeler:
    return RuleLabeler()


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_choice_is_told_from_a_hedge(
    text: str, expected: tuple[bool, bool], labeler: RuleLabeler
) -> None:
    sections = pa.array(
        [[{"kind": "findings", "text": text}]],
        pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())])),
    )
    mentions = labeler.label_reports(pa.table({"exam_id": ["E1"], "sections": sections})).mentions
    found = rest_on_alternatives(
        mentions, pa.array(["E0", "E1"]), [["atelectasis"], ["pneumonia"]], labeler.vocabulary
    )
    assert not found[0].any()
    assert tuple(found[1]) == expected
