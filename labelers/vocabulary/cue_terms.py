"""Cues of assertion: NegEx's terms from negspacy, as amended and extended by cues.yaml."""

from dataclasses import dataclass

from labelers.spacy_import import spacy_without_torch
from labelers.vocabulary.located_yaml import Mapping, Text, VocabularyError, place_of
from labelers.vocabulary.patterns import expand, fold

CATEGORIES = ("absent", "uncertain", "historical", "hypothetical", "resolved")
DIRECTIONS = ("forward", "backward")
NEGEX_ROLES = {
    "preceding_negations": "forward",
    "following_negations": "backward",
    "pseudo_negations": "pseudo",
    "termination": "terminator",
}


@dataclass(frozen=True)
class Cue:
    """How a cue acts.

    Attributes
    ----------
    category
        The assertion it gives.
    direction
        forward: mentions after it; backward: mentions before it.
    reach
        Most tokens between cue and mention; 0 for the whole clause.
    firm
        It outranks nearer cues («cannot be excluded», «has resolved»).
    list
        A hedge that goes on through commas («the differential includes a, b, c»).
    final
        It counts only at the end of its sentence («effusion: no»).
    """

    category: str
    direction: str
    reach: int = 0
    firm: bool = False
    list: bool = False
    final: bool = False


def read_cues(
    file: Mapping, phrases: dict[str, list[tuple[str, str | int]]]
) -> tuple[tuple[Cue, ...], dict[str, list[str]]]:
    """Read cues.yaml into `phrases`; return the cues and the NegEx terms in use.

    Entries made: («cue», number), («pseudo», ""), («terminator», "").

    Raises
    ------
    VocabularyError
        For a mistake in the file, or a replaced NegEx term that negspacy does not have.
    """
    with spacy_without_torch():
        from negspacy.termsets import termset

    file.allow("terms", "negex", "cues", "pseudo", "terminators")
    terms = {str(name): str(value) for name, value in file.mapping("terms").items()}
    negex = file.mapping("negex")
    negex.allow("termset", "differences")
    have = {
        key: list(values)
        for key, values in termset(str(negex.text("termset"))).get_patterns().items()
    }
    for name, difference in negex.mapping("differences").items():
        if not isinstance(difference, Mapping):
            raise VocabularyError(f"{place_of(name)}: '{name}' must be a mapping")
        difference.allow("why", "without")
        difference.text("why")
        for term in difference.texts("without"):
            if not any(term in values for values in have.values()):
                raise VocabularyError(f"{term.place}: negspacy has no term '{term}'")
            for values in have.values():
                if term in values:
                    values.remove(str(term))

    cues: list[Cue] = []
    own: dict[tuple[str, str], int] = {}  # (phrase, direction): cue number
    for entry in file.mappings("cues"):
        entry.allow("category", "direction", "reach", "firm", "list", "final", "phrases")
        category, direction = entry.text("category"), entry.text("direction")
        if category not in CATEGORIES:
            raise VocabularyError(f"{category.place}: category is one of {', '.join(CATEGORIES)}")
        if direction not in DIRECTIONS:
            raise VocabularyError(f"{direction.place}: direction is one of {', '.join(DIRECTIONS)}")
        reach = entry.text("reach", "0")
        if not reach.isdigit():
            raise VocabularyError(f"{reach.place}: reach must be a number of tokens")
        cues.append(
            Cue(
                *(str(category), str(direction), int(reach)),
                *(entry.flag(name) for name in ("firm", "list", "final")),
            )
        )
        for pattern in entry.texts("phrases"):
            for phrase in expand(pattern, terms):
                number = own.setdefault((phrase, str(direction)), len(cues) - 1)
                if number != len(cues) - 1:
                    raise VocabularyError(
                        f"{place_of(pattern)}: {direction} cue '{phrase}' is already "
                        f"{cues[number].category}"
                    )
    for key in ("preceding_negations", "following_negations"):
        cues.append(Cue("absent", NEGEX_ROLES[key]))
        for term in have[key]:
            own.setdefault((" ".join(fold(term).split()), NEGEX_ROLES[key]), len(cues) - 1)
    for (phrase, _), number in own.items():
        phrases.setdefault(phrase, []).append(("cue", number))

    for role, key in (("pseudo", "pseudo"), ("terminator", "terminators")):
        patterns = [phrase for pattern in file.texts(key) for phrase in expand(pattern, terms)]
        negex_key = "pseudo_negations" if role == "pseudo" else "termination"
        for phrase in dict.fromkeys(
            patterns + [" ".join(fold(t).split()) for t in have[negex_key]]
        ):
            phrases.setdefault(phrase, []).append((role, ""))
    return tuple(cues), {key: sorted(values) for key, values in have.items()}


__all__ = ["CATEGORIES", "Cue", "Text", "read_cues"]
