"""Whole sentences that speak of the finding named just before them: «It has resolved.»"""

from dataclasses import dataclass

from labelers.vocabulary.located_yaml import Mapping, VocabularyError
from labelers.vocabulary.patterns import expand, fold

ECHO_ASSERTIONS = ("uncertain", "absent", "resolved")
LONGEST = 120  # code points: no longer sentence is looked up


@dataclass(frozen=True)
class Echo:
    """What such a sentence says.

    Attributes
    ----------
    assertion
        uncertain, absent or resolved; None if it leaves the assertion alone.
    change
        A value of the column `change`, None if it says nothing of it.
    plural
        It speaks of every finding of the sentence before, not of the first alone.
    """

    assertion: str | None
    change: str | None
    plural: bool


def read_echoes(file: Mapping, changes: set[str]) -> dict[str, Echo]:
    """Return the echoes by `plain` sentence.

    Parameters
    ----------
    file
        echoes.yaml.
    changes
        The values that the column `change` may have.

    Raises
    ------
    VocabularyError
        For a mistake in the file, with its line.
    """
    file.allow("plural", "terms", "echoes")
    plural = frozenset(map(str, file.texts("plural")))
    terms = {str(name): str(value) for name, value in file.mapping("terms").items()}
    echoes: dict[str, Echo] = {}
    for entry in file.mappings("echoes"):
        entry.allow("assertion", "change", "phrases")
        assertion, change = entry.text("assertion", ""), entry.text("change", "")
        if assertion and assertion not in ECHO_ASSERTIONS:
            raise VocabularyError(
                f"{assertion.place}: assertion is one of {', '.join(ECHO_ASSERTIONS)}"
            )
        if change and change not in changes:
            raise VocabularyError(f"{change.place}: unknown change '{change}'")
        for pattern in entry.texts("phrases"):
            for phrase in expand(pattern, terms):
                several = phrase.split(" ", 1)[0] in plural
                echoes.setdefault(phrase, Echo(assertion or None, change or None, several))
    return echoes


def plain(sentence: str) -> str:
    """Return a sentence in the form that echoes are looked up in."""
    return " ".join(fold(sentence).strip(" .,;:!").split())
