"""What must hold for any text: offsets, invariances, agreement of the two ways in."""

import pickle

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from labelers import RuleLabeler

_SETTINGS = settings(deadline=None, max_examples=50, derandomize=True)
_SECTIONS = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))

_FINDINGS = ["pleural effusion", "pneumothorax", "consolidation", "cardiomegaly", "atelectasis"]
_SENTENCES = st.sampled_from(
    [
        "No pleural effusion or pneumothorax.",
        "Possible left lower lobe pneumonia.",
        "The heart is mildly enlarged.",
        "Stable right apical scarring.",
        "Pneumothorax has resolved.",
        "Opacity may represent atelectasis or infiltrate.",
        "Lungs are clear.",
        "There is a 4 mm calcified granuloma in the right upper lobe.",
        "Cannot exclude edema.",
        "History of tuberculosis.",
    ]
)
_REPORT = st.lists(_SENTENCES, min_size=1, max_size=6).map(" ".join)
_KINDS = st.sampled_from(["findings", "impression", "indication", "body"])


@_SETTINGS
@given(st.text(max_size=300), _KINDS)
def test_any_text_is_labelled_and_offsets_lie_inside_it(
    labeler: RuleLabeler, text: str, kind: str
) -> None:
    for mention in labeler.label(text, kind).mentions:
        assert 0 <= mention.start < mention.end <= len(text)


@_SETTINGS
@given(_REPORT, st.text(alphabet=" \t\u00a0İßé…", max_size=5))
def test_offsets_index_the_untouched_text(labeler: RuleLabeler, report: str, noise: str) -> None:
    spread = report.replace(" ", "  ")
    text = f"{noise} {spread} {noise}"
    plain = labeler.label(report, "findings")
    spaced = labeler.label(text, "findings")
    said = [" ".join(text[m.start : m.end].split()) for m in spaced.mentions]
    assert said == [report[m.start : m.end] for m in plain.mentions]
    for mention in spaced.mentions:
        if mention.cue is not None:
            assert text[mention.cue_start : mention.cue_end] == mention.cue


@_SETTINGS
@given(_REPORT)
def test_case_and_spacing_within_a_line_change_no_state(labeler: RuleLabeler, report: str) -> None:
    states = labeler.label(report, "findings").states
    assert labeler.label(report.upper(), "findings").states == states
    assert labeler.label(report.replace(" ", "   "), "findings").states == states


@_SETTINGS
@given(_REPORT)
def test_unrelated_normal_sentences_change_no_stated_finding(
    labeler: RuleLabeler, report: str
) -> None:
    before = labeler.label(report, "findings").states
    after = labeler.label(report + " The trachea is midline. Soft tissues.", "findings").states
    assert after == before


@_SETTINGS
@given(st.lists(st.tuples(st.sampled_from(["findings", "impression"]), _REPORT), max_size=4))
def test_the_order_of_sections_changes_no_state(
    labeler: RuleLabeler, sections: list[tuple[str, str]]
) -> None:
    states = labeler.label_sections(sections).states
    assert labeler.label_sections(sections[::-1]).states == states


@_SETTINGS
@given(st.sampled_from(_FINDINGS))
def test_no_before_a_lone_finding_flips_it(labeler: RuleLabeler, finding: str) -> None:
    column = finding.replace(" ", "_")
    assert labeler.label(f"{finding.capitalize()}.", "findings").states[column] == 1
    assert labeler.label(f"No {finding}.", "findings").states[column] == 0


@_SETTINGS
@given(st.lists(st.lists(st.tuples(_KINDS, _REPORT), max_size=3), max_size=5))
def test_tables_agree_with_single_reports(
    labeler: RuleLabeler,
    reports: list[list[tuple[str, str]]],
) -> None:
    sections = [[{"kind": kind, "text": text} for kind, text in report] for report in reports]
    table = pa.table(
        {
            "exam_id": pa.array([f"e{n}" for n in range(len(reports))], pa.string()),
            "sections": pa.array(sections, _SECTIONS),
        }
    )
    labelled = labeler.label_reports(table)
    rows = labelled.mentions.to_pylist()
    for number, report in enumerate(reports):
        single = labeler.label_sections(report)
        mine = [row for row in rows if row["exam_id"] == f"e{number}"]
        assert [row["mention_no"] for row in mine] == list(range(len(mine)))
        columns = single.mentions[0]._fields if single.mentions else ()
        assert [tuple(row[c] for c in columns) for row in mine] == [
            tuple(m) for m in single.mentions
        ]
        row = labelled.labels.slice(number, 1).to_pylist()[0]
        known = {f: row[f] for f in labeler.vocabulary.finding_ids if row[f] is not None}
        assert known == single.states


def test_a_megabyte_without_a_period_is_labelled(labeler: RuleLabeler) -> None:
    for piece in ("no effusion or ", "((((", "a", "XXXX ", "1. ", "?", "\n", " "):
        text = piece * ((1_000_000 if piece == "no effusion or " else 100_000) // len(piece))
        labeler.label(text, "findings")


def test_a_pickled_labeler_labels_the_same_without_its_cache(labeler: RuleLabeler) -> None:
    texts = ["No effusion. Possible edema.", "IMPRESSION: Cardiomegaly.", "No effusion."]
    reports = pa.table(
        {
            "exam_id": ["a", "b", "c"],
            "sections": pa.array([[{"kind": "body", "text": text}] for text in texts], _SECTIONS),
        }
    )
    cached, copy = labeler.label_reports(reports), pickle.loads(pickle.dumps(labeler))
    assert labeler.label_reports(reports).mentions.equals(cached.mentions)
    uncached = copy.label_reports(reports)
    assert uncached.mentions.equals(cached.mentions)
    assert uncached.labels.equals(cached.labels)
    assert (copy.name, copy.vocabulary_hash) == (labeler.name, labeler.vocabulary_hash)


def test_an_empty_batch_has_the_columns_of_a_full_one(labeler: RuleLabeler) -> None:
    reports = pa.table({"exam_id": pa.array(["a"]), "sections": pa.array([[]], _SECTIONS)})
    full, empty = labeler.label_reports(reports), labeler.label_reports(reports.slice(1))
    assert empty.labels.schema == full.labels.schema
    assert empty.mentions.schema == full.mentions.schema
    assert (full.labels.num_rows, empty.labels.num_rows) == (1, 0)
