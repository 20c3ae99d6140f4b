"""The explanation quotes each mention, its assertion and cue, and gives each label's reason."""

from labelers import RuleLabeler, load_scheme
from labelers.explanation import explain


def test_mentions_cues_and_reasons_are_told(labeler: RuleLabeler) -> None:
    text = "Heart size normal. No effusion, but possible LLL pneumonia."
    shown = explain(labeler.label(text), load_scheme("nih14")).plain
    assert text in shown
    assert "«pneumonia» pneumonia, uncertain by «possible» [left, lower lobe]" in shown
    assert "Cardiomegaly: negative (excluded by normal_heart_size)" in shown
    assert "Effusion: negative (pleural_effusion)" in shown
    assert "No_Finding: negative (stated: lung_opacity, lung_infection, pneumonia)" in shown
    assert "Hernia" not in shown


def test_a_normal_report_says_why_it_is_normal(labeler: RuleLabeler) -> None:
    shown = explain(labeler.label("Lungs are clear."), load_scheme("nih14")).plain
    assert "No_Finding: positive (no abnormality is stated as present or uncertain)" in shown


def test_modifiers_and_priority_are_told(labeler: RuleLabeler) -> None:
    text = "New large right pleural effusion. Mild cardiomegaly, unchanged."
    shown = explain(labeler.label(text), load_scheme("annarumma")).plain
    assert "«pleural effusion» pleural_effusion, present [right, severe, new]" in shown
    assert "«cardiomegaly» cardiomegaly, present [mild, unchanged]" in shown
    assert "Priority: urgent (pleural_effusion)" in shown
    assert (
        "Priority: normal\n" in explain(labeler.label("No effusion."), load_scheme("nih14")).plain
    )
