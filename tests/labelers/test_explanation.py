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
