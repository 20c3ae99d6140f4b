"""What must hold for any text: offsets, invariances, agreement of the two ways in."""

import pickle
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labelers.rule_labeler
from labelers import Mention, RuleLabeler
from labelers.vocabulary.patterns import fold

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


# Any Unicode text, with and without things that a report says in it.
_SAID = st.sampled_from(
    [
        "No pleural effusion",
        "heart size is mildly ENLARGED",
        "cannot exclude",
        "right costophrenic\nangle is blunted",
        "pneumothorax?",
        "IMPRESSION:",
        "1. ",
        ". It has resolved.",
        "atelectasis versus  infiltrate",
        "4 mm nodule",
    ]
)
_ANY = st.lists(st.one_of(st.text(max_size=30), _SAID), max_size=12).map("".join)


def _closed(text: str) -> str:
    return "".join(fold(text).split())


def _named_by(labeler: RuleLabeler, text: str, mention: Mention) -> bool:
    """Whether a span says a phrase of its finding, or begins and ends with joined terms."""
    said = _closed(text[mention.start : mention.end])
    joined = {"anatomy", "predicate"}
    begins = ends = False
    for phrase, entries in labeler.vocabulary.phrases.items():
        closed = _closed(phrase)
        if closed == said and ("finding", mention.finding) in entries:
            return True
        if joined & {role for role, _ in entries}:
            begins = begins or said.startswith(closed)
            ends = ends or said.endswith(closed)
    return begins and ends


@_SETTINGS
@given(_ANY, _KINDS)
def test_any_text_is_labelled_and_offsets_index_it(
    labeler: RuleLabeler, text: str, kind: str
) -> None:
    for mention in labeler.label(text, kind).mentions:
        assert 0 <= mention.start < mention.end <= len(text)
        assert _named_by(labeler, text, mention)
        if mention.cue is not None:
            assert text[mention.cue_start : mention.cue_end] == mention.cue


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


_UNRELATED = st.lists(
    st.sampled_from(
        [
            "The trachea is midline.",
            "Soft tissues.",
            "The upper abdomen is normal.",
            "Visualized bowel gas pattern is unremarkable.",
            "PA and lateral views of the chest.",
        ]
    ),
    min_size=1,
    max_size=3,
).map(" ".join)


@_SETTINGS
@given(_REPORT, _UNRELATED)
def test_unrelated_normal_sentences_change_no_stated_finding(
    labeler: RuleLabeler, report: str, unrelated: str
) -> None:
    before = labeler.label(report, "findings").states
    after = labeler.label(f"{report} {unrelated}", "findings").states
    assert {finding: after.get(finding) for finding in before} == before


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


def _table(texts: list[str], kind: str = "findings") -> pa.Table:
    sections = [[{"kind": kind, "text": text}] for text in texts]
    ids = pa.array([f"e{number}" for number in range(len(texts))])
    return pa.table({"exam_id": ids, "sections": pa.array(sections, _SECTIONS)})


def test_no_before_any_phrase_of_a_finding_denies_it(labeler: RuleLabeler) -> None:
    said = [
        (phrase, str(value))
        for phrase, entries in labeler.vocabulary.phrases.items()
        for role, value in entries
        if role == "finding" and not labeler.vocabulary.by_id[str(value)].normal
    ]
    stated = labeler.label_reports(_table([f"{phrase}." for phrase, _ in said])).labels
    denied = labeler.label_reports(_table([f"No {phrase}." for phrase, _ in said])).labels
    kept = [
        phrase
        for row, (phrase, finding) in enumerate(said)
        if stated[finding][row].as_py() != 1 or denied[finding][row].as_py() == 1
    ]
    assert len(said) > 1000
    assert not kept


# Sentences that differ in digits alone share what is kept of them; capitals and spacing do not.
_NUMBERED = st.builds(
    lambda text, number, capitals: text.format(number).upper() if capitals else text.format(number),
    st.sampled_from(
        [
            "No effusion compared to 0{}/14/2011.",
            "{} mm nodule, stable since 2009.",
            "Image {}: possible edema.",
            "No change in the {} cm mass.",
            "Compression deformity of T{} without fracture.",
            "It has resolved {}.",
        ]
    ),
    st.integers(1, 12),
    st.booleans(),
)


@pytest.fixture(scope="module")
def fresh(labeler: RuleLabeler) -> RuleLabeler:
    return RuleLabeler(labeler.vocabulary)


@_SETTINGS
@given(st.lists(st.lists(_NUMBERED | _SENTENCES, min_size=1, max_size=4).map(" ".join), min_size=2))
def test_what_is_kept_of_a_sentence_is_what_reading_it_gives(
    labeler: RuleLabeler, fresh: RuleLabeler, reports: list[str]
) -> None:
    kept = [labeler.label(report, "findings") for report in (*reports, *reports)]
    with pytest.MonkeyPatch.context() as patch:
        # A store that holds a sentence is then full: each report is read anew.
        patch.setattr(labelers.rule_labeler, "MOST_SENTENCES", 0)
        read = [fresh.label(report, "findings") for report in (*reports, *reports)]
    assert [one.mentions for one in kept] == [one.mentions for one in read]
    assert [one.states for one in kept] == [one.states for one in read]


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


_REPEATED = (
    *("no effusion or ", "normal heart size and ", "effusion? ", "no ", "(» ", "1. ", "A:\n"),
    *("((((", "a", "XXXX ", "?", ".", "\n", " ", "\u0301", "it has resolved. ", "heart enlarged "),
)


@pytest.mark.parametrize("kind", ["findings", "body"])
@pytest.mark.parametrize("piece", _REPEATED)
def test_time_is_bounded_whatever_is_repeated(labeler: RuleLabeler, piece: str, kind: str) -> None:
    began = time.process_time()
    labeler.label((piece * 100_000)[:100_000], kind)
    assert time.process_time() - began < 4  # a tenth of what a report may have at most


@pytest.mark.parametrize("piece", ["no effusion or ", "\n", "("])
def test_a_megabyte_is_labelled_in_seconds(labeler: RuleLabeler, piece: str) -> None:
    began = time.process_time()
    labeler.label((piece * 1_000_000)[:1_000_000], "findings")
    assert time.process_time() - began < 20


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
