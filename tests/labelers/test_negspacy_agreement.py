"""Where only NegEx matters, assertions equal those of negspacy's `negex` component."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from negspacy.negation import Negex  # noqa: F401  (registers the component)
from negspacy.termsets import termset

from labelers import RuleLabeler
from labelers.vocabulary import load_vocabulary

_FINDINGS = ["pneumothorax", "consolidation", "atelectasis", "hernia", "bronchiectasis"]
_TERMS = termset("en_clinical").get_patterns()

# NegEx terms that RadSim reads otherwise; cues.yaml gives the reason under each name.
_DIFFERENCES = {
    "versus_is_a_differential": ["versus"],
    "ruling_out_is_a_question": [
        *("rule out", "rule him out", "rule her out", "rule patient out", "rule the patient out"),
        *("r/o", "ro", "evaluate for"),
    ],
    "doubt_is_a_hedge": ["doubt", "not rule out", "not ruled out", "not been ruled out"],
    "further_and_certain_keep_their_finding": ["not certain if", "not certain whether"],
    "source_of_is_no_terminator_inside_a_cue": ["no cause of"],
}
_REPLACED = {term for terms in _DIFFERENCES.values() for term in terms}


@pytest.fixture(scope="module")
def reference() -> Any:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns([{"label": "FINDING", "pattern": finding} for finding in _FINDINGS])
    nlp.add_pipe("negex")
    return nlp


def _mine(labeler: RuleLabeler, text: str) -> dict[int, bool]:
    mentions = labeler.label(text, "findings").mentions
    return {m.end: m.assertion == "absent" for m in mentions}


def _negspacys(nlp: Any, text: str) -> dict[int, bool]:
    return {entity.end_char: entity._.negex for entity in nlp(text).ents}


_PRECEDING = sorted(set(_TERMS["preceding_negations"]) - _REPLACED)
_TERMINATION = sorted(_TERMS["termination"])
_FILLER = st.sampled_from(["", "focal ", "definite ", "left ", "large right "])


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    st.sampled_from(_PRECEDING),
    st.lists(st.sampled_from(_FINDINGS), min_size=1, max_size=4, unique=True),
    st.sampled_from([" or ", ", "]),
    _FILLER,
)
def test_a_preceding_term_negates_its_list(
    labeler: RuleLabeler, reference: Any, cue: str, findings: list[str], link: str, filler: str
) -> None:
    text = f"{cue} {filler}{link.join(findings)}."
    assert _mine(labeler, text) == _negspacys(reference, text)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    st.sampled_from(["no", "without", "no evidence of", "negative for", "free of"]),
    st.lists(st.sampled_from(_FINDINGS), min_size=2, max_size=2, unique=True),
    st.sampled_from(_TERMINATION),
    _FILLER,
)
def test_a_terminator_ends_the_scope(
    labeler: RuleLabeler,
    reference: Any,
    cue: str,
    findings: list[str],
    terminator: str,
    filler: str,
) -> None:
    text = f"{cue} {filler}{findings[0]} {terminator} {filler}{findings[1]}."
    assert _mine(labeler, text) == _negspacys(reference, text)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.sampled_from(sorted(_TERMS["following_negations"])), st.sampled_from(_FINDINGS), _FILLER)
def test_a_following_term_negates_the_finding_before_it(
    labeler: RuleLabeler, reference: Any, cue: str, finding: str, filler: str
) -> None:
    text = f"{filler}{finding} {cue}."
    assert _mine(labeler, text) == _negspacys(reference, text)


@pytest.mark.parametrize("pseudo", sorted(set(_TERMS["pseudo_negations"]) - _REPLACED))
def test_a_pseudo_negation_negates_nothing(
    labeler: RuleLabeler, reference: Any, pseudo: str
) -> None:
    text = f"{pseudo} in the consolidation."
    assert _mine(labeler, text) == _negspacys(reference, text) == {len(text) - 1: False}


def test_the_differences_are_the_ones_the_vocabulary_names(labeler: RuleLabeler) -> None:
    folder_cues = load_vocabulary().phrases
    for terms in _DIFFERENCES.values():
        for term in terms:
            for role, value in folder_cues.get(term, ()):
                cue = labeler.vocabulary.cues[int(value)] if role == "cue" else None
                assert cue is None or cue.category != "absent", term
