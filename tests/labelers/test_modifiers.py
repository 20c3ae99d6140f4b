"""Laterality, location, severity and change of mentions."""

import pytest

from labelers import RuleLabeler


@pytest.mark.parametrize(
    ("text", "finding", "expected"),
    [
        ("Small left pleural effusion.", "pleural_effusion", ("left", None, "small", None)),
        (
            "New right lower lobe consolidation.",
            "consolidation",
            ("right", "lower_lobe", None, "new"),
        ),
        (
            "Bibasilar atelectasis, unchanged.",
            "atelectasis",
            ("bilateral", "base", None, "unchanged"),
        ),
        ("Increasing moderate edema.", "pulmonary_edema", (None, None, "moderate", "increased")),
        ("Opacity in the lingula.", "lung_opacity", ("left", "lingula", None, None)),
        ("The heart is mildly enlarged.", "cardiomegaly", (None, None, "mild", None)),
        ("Improved left effusion.", "pleural_effusion", ("left", None, None, "decreased")),
    ],
)
def test_modifiers_of_a_mention(
    labeler: RuleLabeler, text: str, finding: str, expected: tuple[str | None, ...]
) -> None:
    mention = next(m for m in labeler.label(text).mentions if m.finding == finding)
    assert (mention.laterality, mention.location, mention.severity, mention.change) == expected


def test_each_mention_has_its_own_side(labeler: RuleLabeler) -> None:
    text = "Left apical pneumothorax and small right effusion."
    sides = {m.finding: m.laterality for m in labeler.label(text).mentions}
    assert sides == {"pneumothorax": "left", "pleural_effusion": "right"}
