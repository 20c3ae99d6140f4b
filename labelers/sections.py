"""Section kinds of an unsectioned report text, by its headings."""

import re
from functools import lru_cache

from labelers.vocabulary import Vocabulary
from labelers.vocabulary.patterns import fold

ANATOMY = "anatomy"  # kind of a heading that belongs to its text: «Heart: Enlarged.»

# What may be a heading: up to six words and a colon at the start of a line or sentence, or a line
# of capitals alone. Which of them are headings, the vocabulary says.
_CANDIDATE = re.compile(
    r"(?:^|(?<=[\n\r])|(?<=[.!?][ \t])|(?<=[.!?][ \t][ \t]))[ \t*#]*"
    r"(?P<name>[A-Za-z][A-Za-z/&,() -]{1,58}?)[ \t*]*(?P<mark>:|(?=[\n\r]|$))",
)


def split_sections(
    text: str, vocabulary: Vocabulary, kind: str = "body"
) -> list[tuple[str, int, int]]:
    """Return (kind, start, end) of each stretch of an unsectioned text, in order.

    Stretches leave out the headings; offsets are code points of `text`. Text before the first
    heading has the given kind. A heading that names an anatomy («Heart: Enlarged.») begins a
    stretch of findings and stays in it.
    """
    stretches: list[tuple[str, int, int]] = []
    begin = 0
    for match in _CANDIDATE.finditer(text):
        name = match["name"]
        if match["mark"] != ":" and name != name.upper():
            continue
        found = vocabulary.headings.get(_canonical(name))
        if found is None:
            continue
        if match.start() > begin:
            stretches.append((kind, begin, match.start()))
        begin = match.end()
        if found != ANATOMY:
            kind = found
            continue
        kind = kind if kind == "impression" else "findings"
        if match["mark"] == ":":
            begin = match.start("name")
    stretches.append((kind, begin, len(text)))
    return stretches


@lru_cache(maxsize=4096)
def _canonical(name: str) -> str:
    return " ".join(fold(name).split())
