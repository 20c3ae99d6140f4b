"""An unsectioned text is split by its headings, offsets into the text as given."""

from labelers import RuleLabeler, load_vocabulary
from labelers.sections import split_sections

_REPORT = (
    "Clinical History: cough, rule out pneumonia.\n"
    "COMPARISON:  None. TECHNIQUE: PA and lateral.\n"
    "FINDINGS\nHeart size: normal. No pleural effusion.\n\n"
    "IMPRESSION: 1. Small pneumothorax."
)


def test_headings_give_their_stretch_a_kind() -> None:
    stretches = split_sections(_REPORT, load_vocabulary())
    kinds = [kind for kind, start, end in stretches if _REPORT[start:end].strip()]
    assert kinds[:3] == ["indication", "comparison", "technique"]
    assert kinds[-1] == "impression"
    _, start, end = stretches[-1]
    assert _REPORT[start:end].strip() == "1. Small pneumothorax."


def test_text_without_headings_keeps_its_kind() -> None:
    text = "Lungs are clear. No effusion."
    assert split_sections(text, load_vocabulary()) == [("body", 0, len(text))]


def test_a_colon_after_other_words_is_no_heading() -> None:
    text = "The following is seen: small effusion."
    assert split_sections(text, load_vocabulary()) == [("body", 0, len(text))]


def test_indication_gives_no_label_and_offsets_are_of_the_whole_text(labeler: RuleLabeler) -> None:
    labelling = labeler.label(_REPORT)
    assert {m.section_no for m in labelling.mentions} == {0}
    said = {(_REPORT[m.start : m.end], m.assertion) for m in labelling.mentions}
    assert ("pneumonia", "hypothetical") in said
    assert "pneumonia" not in labelling.states
    assert labelling.states["pneumothorax"] == 1
    assert labelling.states["pleural_effusion"] == 0


def test_given_sections_of_context_give_no_label(labeler: RuleLabeler) -> None:
    labelling = labeler.label_sections(
        [("indication", "Pneumothorax."), ("comparison", "Effusion on prior.")]
    )
    assert labelling.states == {}
    assert {m.assertion for m in labelling.mentions} <= {"hypothetical", "historical"}


def test_the_spelling_of_a_kind_does_not_matter(labeler: RuleLabeler) -> None:
    assert labeler.label("Pneumothorax.", kind="Clinical History").states == {}
    assert labeler.label("Pneumothorax.", kind=" FINDINGS").states["pneumothorax"] == 1


def test_findings_without_a_heading_end_the_indication(labeler: RuleLabeler) -> None:
    text = (
        "CLINICAL INFORMATION: Cough, rule out pneumonia. The heart is enlarged. Small effusion. "
        "IMPRESSION: No acute disease."
    )
    states = labeler.label(text).states
    assert states["cardiomegaly"] == 1
    assert states["pleural_effusion"] == 1
    assert "pneumonia" not in states


def test_with_a_heading_of_findings_the_indication_goes_on(labeler: RuleLabeler) -> None:
    text = "HISTORY: Cough. The lungs are full of pneumonia, he says. FINDINGS: Normal heart size."
    assert "pneumonia" not in labeler.label(text).states


def test_a_heading_that_names_an_organ_is_part_of_its_statement(labeler: RuleLabeler) -> None:
    states = labeler.label("FINDINGS:\nHeart: Mildly enlarged.\nPleura: No effusion.").states
    assert states["cardiomegaly"] == 1
    assert states["pleural_effusion"] == 0
