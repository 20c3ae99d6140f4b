"""The modifiers of mentions and the small words between them, from modifiers.yaml."""

from collections.abc import Sequence

from labelers.vocabulary.located_yaml import Mapping, VocabularyError
from labelers.vocabulary.patterns import expand

MODIFIERS = ("laterality", "location", "severity", "change")
_WORDS = (
    *("boundary", "list", "choice", "bare", "tied", "filler", "opening", "place", "link"),
    "plural",
)


def read_modifiers(
    file: Mapping, findings: set[str], phrases: dict[str, list[tuple[str, str | int]]]
) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    """Read modifiers.yaml into `phrases`; return its small words and the midline findings.

    Entries made: (column, value), with an empty value for words that modify nothing.

    Raises
    ------
    VocabularyError
        For a mistake in the file, or a midline finding that is not one of `findings`.
    """
    file.allow("terms", *MODIFIERS, "nothing", "midline", "words")
    terms = {str(name): str(value) for name, value in file.mapping("terms").items()}
    nothing = file.mapping("nothing")
    nothing.allow(*MODIFIERS)
    for role in MODIFIERS:
        values = file.mapping(role)
        said = {str(value): values.texts(value) for value in values}
        said[""] = nothing.texts(role)
        for value, patterns in said.items():
            for pattern in patterns:
                for phrase in expand(pattern, terms):
                    entries = phrases.setdefault(phrase, [])
                    if (role, value) not in entries:
                        entries.append((role, value))
    for finding in file.texts("midline"):
        if finding not in findings:
            raise VocabularyError(f"{finding.place}: unknown finding '{finding}' in midline")
    return read_words(file.mapping("words"), _WORDS), frozenset(map(str, file.texts("midline")))


def read_words(file: Mapping, parts: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the words of each part; raise `VocabularyError` if one is missing or unknown."""
    file.allow(*parts)
    for part in parts:
        if not file.texts(part):
            raise VocabularyError(f"{file.place}: '{part}' is missing or empty")
    return {part: frozenset(map(str, file.texts(part))) for part in parts}
