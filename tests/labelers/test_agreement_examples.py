"""The worst disagreements, and the mention that decided each."""

import numpy as np
import pytest

from labelers import RuleLabeler
from labelers.agreement import STATES, counted
from labelers.agreement_examples import deciding_mention, disagreements, sentence_of

NULL = STATES[3]


@pytest.fixture(scope="module")
def labeler() -> RuleLabeler:
    return RuleLabeler()


def ranked(gold: list[list[int]], said: list[list[int]], uncertain: str = "negative") -> list:
    states = np.array(gold, np.int8), np.array(said, np.int8)
    return [tuple(found) for found in disagreements(*states, counted(*states, uncertain))]


def test_firm_contradictions_come_before_omissions() -> None:
    gold, said = [[1], [1], [0], [1], [1], [0]], [[NULL], [-1], [1], [0], [1], [NULL]]
    assert ranked(gold, said) == [
        (3, 0, "denied"),
        (2, 0, "asserted"),
        (1, 0, "hedged"),
        (0, 0, "unmentioned"),
    ]


def test_classes_take_turns_the_one_with_most_errors_first() -> None:
    gold, said = [[1, 1], [0, 1], [0, 1], [1, 0]], [[0, 0], [0, 0], [0, 0], [0, 0]]
    assert [found[:2] for found in ranked(gold, said)] == [(0, 1), (0, 0), (1, 1), (3, 0), (2, 1)]


def test_only_what_the_setting_counts_as_wrong_is_one() -> None:
    gold, said = [[1], [0], [-1]], [[-1], [-1], [0]]
    assert ranked(gold, said) == [(0, 0, "hedged")]
    assert ranked(gold, said, "positive") == [(1, 0, "hedged"), (2, 0, "gold hedged")]
    assert ranked(gold, said, "ignored") == []


@pytest.mark.parametrize(
    ("text", "state", "finding", "cue", "sentence"),
    [
        (
            "Heart is normal. Possible small effusion.",
            -1,
            "pleural_effusion",
            "Possible",
            "Possible small effusion.",
        ),
        ("No effusion or pneumothorax.", 0, "pleural_effusion", "No", None),
        ("Effusion. The effusion has resolved.", 1, "pleural_effusion", None, "Effusion."),
        ("Heart is normal.", NULL, None, None, None),
    ],
)
def test_the_mention_that_decided(
    text: str,
    state: int,
    finding: str | None,
    cue: str | None,
    sentence: str | None,
    labeler: RuleLabeler,
) -> None:
    mentions = [mention._asdict() for mention in labeler.label(text, "findings").mentions]
    found = deciding_mention(mentions, state, ["pleural_effusion"], labeler.vocabulary)
    assert (found and found["finding"]) == finding
    if found is not None:
        assert found["cue"] == cue
        assert sentence_of([("findings", text)], found) == (sentence or text)


def test_normality_and_what_is_above_decide_denials(labeler: RuleLabeler) -> None:
    def decided(text: str, finding: str) -> str | None:
        mentions = [mention._asdict() for mention in labeler.label(text, "findings").mentions]
        found = deciding_mention(mentions, 0, [finding], labeler.vocabulary)
        return found and found["finding"]

    assert decided("The lungs are clear.", "pneumonia") == "clear_lungs"
    assert decided("No fracture.", "rib_fracture") == "fracture"


def test_no_sentence_where_the_sections_do_not_hold_the_mention() -> None:
    mention = {"section_no": 2, "start": 0, "end": 4}
    assert sentence_of([("findings", "Effusion.")], mention) is None
    assert (
        sentence_of([("findings", "Effusion.")], {**mention, "section_no": 0, "start": 50}) is None
    )
