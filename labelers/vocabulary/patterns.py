"""Phrase patterns of the vocabulary files, expanded to plain phrases.

A pattern is a phrase with a small part of regular-expression notation: `(a|b)` alternatives,
`?` after a character or a group for «may be left out», and `{name}` for a named set of
alternatives of the same file. `(pleural )?effusions?` expands to four phrases. Expansion is done
once, on load: matching is then a look-up of token sequences (spaCy's `PhraseMatcher`), whose cost
does not depend on the number of patterns and cannot run away on any text.
"""

import re
from collections.abc import Mapping

from labelers.vocabulary.located_yaml import Text, VocabularyError, place_of

MOST_PHRASES = 4000  # of one pattern: more is almost certainly a mistake

_MACRO = re.compile(r"\{(\w+)\}")

# Length-preserving, so offsets in the folded text are offsets in the original: letters in lower
# case, digits as 0, hyphens and dashes as spaces, typographic quotes as plain ones.
_FOLD = {ord(digit): "0" for digit in "123456789"}
_FOLD |= {ord(mark): " " for mark in "-\u2010\u2011\u2012\u2013\u2014\u2212\u00a0\t\r\n\f\v"}
_FOLD |= {ord("\u2019"): "'", ord("\u2018"): "'", ord("_"): "x"}


def fold(text: str) -> str:
    """Return `text` in the form that phrases are compared in, of the same length."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capitals grow when lowered (U+0130)
        lowered = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
    return lowered.translate(_FOLD)


def expand(pattern: Text, terms: Mapping[str, str] | None = None) -> list[str]:
    """Return the phrases of a pattern, folded, single-spaced, sorted, without repeats.

    Parameters
    ----------
    pattern
        The pattern with its place in the file.
    terms
        Named sets of alternatives: name to pattern text.

    Raises
    ------
    VocabularyError
        If brackets do not match, a named set is unknown, or the pattern stands for more than
        `MOST_PHRASES` phrases.
    """
    text = str(pattern)
    for _ in range(8):
        text, count = _MACRO.subn(lambda m: f"({_term(m[1], terms or {}, pattern)})", text)
        if not count:
            break
    else:
        raise VocabularyError(f"{place_of(pattern)}: named sets of '{pattern}' form a circle")
    alternatives, position = _alternatives(text, 0, pattern)
    if position != len(text):
        raise VocabularyError(f"{place_of(pattern)}: ')' without '(' in '{pattern}'")
    phrases = {" ".join(fold(phrase).split()) for phrase in alternatives}
    if "" in phrases:
        raise VocabularyError(f"{place_of(pattern)}: '{pattern}' matches the empty phrase")
    return sorted(phrases)


def _term(name: str, terms: Mapping[str, str], pattern: Text) -> str:
    if name not in terms:
        raise VocabularyError(f"{place_of(pattern)}: unknown named set '{{{name}}}'")
    return terms[name]


def _alternatives(text: str, position: int, pattern: Text) -> tuple[list[str], int]:
    """Parse alternatives up to a closing bracket or the end; return phrases and position."""
    collected: list[str] = []
    current = [""]
    while position < len(text) and text[position] != ")":
        character = text[position]
        if character == "|":
            collected += current
            current = [""]
            position += 1
            continue
        if character == "(":
            piece, position = _alternatives(text, position + 1, pattern)
            if position >= len(text):
                raise VocabularyError(f"{place_of(pattern)}: '(' is not closed in '{pattern}'")
            position += 1
        elif character == "\\" and position + 1 < len(text):
            piece = [text[position + 1]]
            position += 2
        else:
            piece = [character]
            position += 1
        if position < len(text) and text[position] == "?":
            piece = [*piece, ""]
            position += 1
        current = [head + tail for head in current for tail in piece]
        if len(current) + len(collected) > MOST_PHRASES:
            raise VocabularyError(
                f"{place_of(pattern)}: '{pattern}' stands for more than {MOST_PHRASES} phrases"
            )
    return collected + current, position
