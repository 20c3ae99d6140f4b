"""A sentence that names no finding speaks of the one in the sentence before it."""

import pytest

from labelers import RuleLabeler


def _told(labeler: RuleLabeler, text: str) -> dict[str, tuple[str, str | None]]:
    mentions = labeler.label(text, kind="findings").mentions
    return {m.finding: (m.assertion, m.change) for m in mentions}


@pytest.mark.parametrize(
    ("text", "finding", "assertion", "state"),
    [
        ("There was a left pneumothorax. It has resolved.", "pneumothorax", "resolved", 0),
        ("Left effusion. No longer seen.", "pleural_effusion", "resolved", 0),
        ("Left basal nodule. This may be artifactual.", "pulmonary_nodule", "uncertain", -1),
        ("Small effusion. Cannot be excluded.", "pleural_effusion", "uncertain", -1),
    ],
)
def test_an_echo_decides_the_finding_before_it(
    labeler: RuleLabeler, text: str, finding: str, assertion: str, state: int
) -> None:
    labelling = labeler.label(text, kind="findings")
    mention = labelling.mentions[0]
    assert (mention.finding, mention.assertion) == (finding, assertion)
    assert labelling.states[finding] == state
    assert mention.cue_start is not None
    assert text[mention.cue_start : mention.cue_end] == mention.cue
    assert text.endswith(f"{mention.cue}.")


def test_it_speaks_of_the_first_finding_and_these_of_all(labeler: RuleLabeler) -> None:
    named = "Left effusion with atelectasis."
    assert _told(labeler, f"{named} It has cleared.") == {
        "pleural_effusion": ("resolved", "resolved"),
        "atelectasis": ("present", None),
    }
    assert {a for a, _ in _told(labeler, f"{named} These have cleared.").values()} == {"resolved"}


def test_change_is_filled_where_the_sentence_has_none(labeler: RuleLabeler) -> None:
    told = _told(labeler, "Small effusion. This is unchanged since the prior study.")
    assert told["pleural_effusion"] == ("present", "unchanged")
    told = _told(labeler, "New effusion. It is stable.")
    assert told["pleural_effusion"] == ("present", "new")


@pytest.mark.parametrize(
    "text",
    [
        "No effusion. It has resolved.",
        "Heart size normal. Cannot be excluded.",
        "Small effusion. Heart size normal. Resolved.",
    ],
)
def test_what_is_denied_normal_or_further_off_is_left_alone(
    labeler: RuleLabeler, text: str
) -> None:
    first = text.split(". ")[0] + "."
    alone = [m.assertion for m in labeler.label(first, kind="findings").mentions]
    assert [m.assertion for m in labeler.label(text, kind="findings").mentions][:1] == alone


def test_another_section_is_no_neighbour(labeler: RuleLabeler) -> None:
    labelling = labeler.label_sections([("findings", "Effusion."), ("impression", "Resolved.")])
    assert labelling.states["pleural_effusion"] == 1
