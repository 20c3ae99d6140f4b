"""Section kinds of an unsectioned report text, by its headings."""

import re
from functools import lru_cache
from itertools import pairwise

from labelers.sentences import split_sentences
from labelers.vocabulary import Vocabulary
from labelers.vocabulary.loader import RunOn
from labelers.vocabulary.patterns import fold

_WORD = re.compile(r"[a-z]+")

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
    stretch of findings and stays in it. Where no heading names the findings, an indication or the
    like ends with its line, or before the first sentence that states something of an organ.
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
    run_on = vocabulary.run_on
    if len(stretches) > 1 or kind in run_on.kinds:
        kinds = [kind for kind, _, _ in stretches]
        if "findings" not in kinds and not run_on.kinds.isdisjoint(kinds):
            return [
                part for stretch in stretches for part in _findings_apart(text, stretch, run_on)
            ]
    return stretches


def _findings_apart(
    text: str, stretch: tuple[str, int, int], run_on: RunOn
) -> list[tuple[str, int, int]]:
    """Return a stretch cut before the findings it runs into, if it does."""
    kind, begin, end = stretch
    if kind in run_on.kinds:
        sentences = split_sentences(text, begin, end)
        for (_, before), (start, stop) in pairwise(sentences):
            words = set(_WORD.findall(text[start:stop].lower()))
            new_line = "\n" in text[before:start]
            if new_line or (words & run_on.organs and words & run_on.says):
                return [(kind, begin, start), ("findings", start, end)]
    return [stretch]


@lru_cache(maxsize=4096)
def _canonical(name: str) -> str:
    return " ".join(fold(name).split())
