"""Finding reports, and why an exam has its labels."""

from datetime import date

import pytest

from labelers import load_scheme
from pipeline.figures.evidence import (
    Sentence,
    Sought,
    exam_evidence,
    find_exams,
    frequent_cues,
    sentences_on,
)
from pipeline.figures.lake_queries import LakeQueries
from pipeline.lake import Lake
from pipeline.settings import Settings

SCHEME = load_scheme("chexpert14")


@pytest.fixture(scope="module")
def queries(labelled: Settings) -> LakeQueries:
    return LakeQueries(Lake.of(labelled))


@pytest.mark.parametrize(
    ("sought", "exams"),
    [
        (Sought(), ["E5", "E4", "E2", "E1", "E6"]),
        (Sought(label_class="Pneumonia", state="uncertain"), ["E1", "E6"]),
        (Sought(label_class="Pneumothorax", state="negative"), ["E2"]),
        (Sought(label_class="Fracture", state="positive"), []),
        (Sought(cue="Possible"), ["E1"]),
        (Sought(since=date(2026, 1, 20), until=date(2026, 2, 10)), ["E4", "E2"]),
        (Sought(site="North"), ["E2", "E1"]),
        (Sought(text="LARGE right"), ["E2"]),
        (Sought(text="' or true --"), []),
        (Sought(exam="E4"), ["E4"]),
        (Sought(section="body", assertion="uncertain"), ["E1", "E6"]),
    ],
)
def test_exams_are_found_by_what_they_have(
    queries: LakeQueries, sought: Sought, exams: list[str]
) -> None:
    assert [row["exam_id"] for row in find_exams(queries, SCHEME, sought)] == exams


def test_no_more_exams_are_returned_than_asked_for(queries: LakeQueries) -> None:
    assert len(find_exams(queries, SCHEME, Sought(), most=2)) == 2


def test_an_exam_tells_its_text_mentions_and_the_reason_of_each_label(queries: LakeQueries) -> None:
    evidence = exam_evidence(queries, SCHEME, "E1", None)
    assert evidence is not None
    assert evidence.exam["site"] == "North"
    text = evidence.labelling.sections[0][1]
    pneumonia = next(m for m in evidence.labelling.mentions if m.finding == "pneumonia")
    assert text[pneumonia.start : pneumonia.end] == "pneumonia"
    reasons = {given.label_class: (given.state, given.reason) for given in evidence.reasons}
    assert reasons["Pneumonia"] == ("uncertain", "pneumonia")
    assert reasons["Cardiomegaly"] == ("negative", "excluded by normal_heart_size")
    assert "Fracture" not in reasons


def test_there_is_no_evidence_of_an_exam_that_is_not_there(queries: LakeQueries) -> None:
    assert exam_evidence(queries, SCHEME, "E99", None) is None


def test_cues_come_the_most_frequent_first(queries: LakeQueries) -> None:
    assert frequent_cues(queries)[0] == "no"


def sentences(queries: LakeQueries, exam: str, label_class: str) -> list[Sentence]:
    evidence = exam_evidence(queries, SCHEME, exam, None)
    assert evidence is not None
    return sentences_on(evidence.labelling, SCHEME, label_class)


def test_the_sentences_on_a_class_stand_alone_with_their_marks(queries: LakeQueries) -> None:
    [sentence] = sentences(queries, "E1", "Pneumonia")
    assert sentence.text == "No effusion, but possible left lower lobe pneumonia."
    [mention] = sentence.mentions
    assert sentence.text[mention.start : mention.end] == "pneumonia"
    assert sentence.text[mention.cue_start : mention.cue_end] == "possible"
    assert sentences(queries, "E1", "Fracture") == []
    # What takes normality away speaks of it.
    assert sentence.text in [found.text for found in sentences(queries, "E1", "No Finding")]


def test_what_denies_a_class_by_its_presence_is_a_sentence_on_it(queries: LakeQueries) -> None:
    [sentence] = sentences(queries, "E1", "Cardiomegaly")
    assert sentence.text == "Heart size normal."
