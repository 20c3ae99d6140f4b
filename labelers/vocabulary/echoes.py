"""Whole sentences that speak of the finding named just before them, such as «It has resolved.»."""

from dataclasses import dataclass

from labelers.vocabulary.located_yaml import Mapping, VocabularyError
from labelers.vocabulary.patterns import expand, fold

ECHO_ASSERTIONS = ("uncertain", "absent", "resolved")

_MOST_WORDS = 16  # of such a sentence


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
    plural: bool = False


@dataclass(frozen=True)
class Echoes:
    """The sentences that are echoes: subject or none, core, tail or none.

    Attributes
    ----------
    subjects
        Subject to whether it is plural.
    cores
        What is said, to the echo.
    tails
        What may follow («since the prior study»).
    """

    subjects: dict[str, bool]
    cores: dict[str, Echo]
    tails: frozenset[str]

    def find(self, sentence: str) -> Echo | None:
        """Return what a sentence says of the finding before it, None if it is no echo."""
        words = fold(sentence).replace(",", " ").strip(" .;:!").split()
        if len(words) > _MOST_WORDS:
            return None
        for begin, plural in self._beginnings(words):
            for end in self._ends(words):
                echo = self.cores.get(" ".join(words[begin:end]))
                if echo is not None:
                    return Echo(echo.assertion, echo.change, plural)
        return None

    def _beginnings(self, words: list[str]) -> list[tuple[int, bool]]:
        found = [(0, False)]
        for length in (1, 2, 3):
            plural = self.subjects.get(" ".join(words[:length]))
            if plural is not None:
                found.append((length, plural))
        return found

    def _ends(self, words: list[str]) -> list[int]:
        found = [len(words)]
        found += [n for n in range(len(words)) if " ".join(words[n:]) in self.tails]
        return found


def read_echoes(file: Mapping, changes: set[str]) -> Echoes:
    """Read echoes.yaml.

    Parameters
    ----------
    file
        Its content.
    changes
        The values that the column `change` may have.

    Raises
    ------
    VocabularyError
        For a mistake in the file, with its line.
    """
    file.allow("singular", "plural", "tails", "terms", "echoes")
    terms = {str(name): str(value) for name, value in file.mapping("terms").items()}
    subjects = {
        phrase: key == "plural"
        for key in ("singular", "plural")
        for pattern in file.texts(key)
        for phrase in expand(pattern)
    }
    tails = frozenset(phrase for pattern in file.texts("tails") for phrase in expand(pattern))
    cores: dict[str, Echo] = {}
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
                cores.setdefault(phrase, Echo(str(assertion) or None, str(change) or None))
    return Echoes(subjects, cores, tails)
