"""Phrases of the vocabulary in a sentence: one tokenisation, one look-up.

spaCy's English tokenizer and `PhraseMatcher`: findings, anatomy, predicates, cues and modifiers are
found in the same pass over the tokens.
"""

import re
from typing import Any, NamedTuple

from labelers.spacy_import import spacy_without_torch
from labelers.vocabulary import Vocabulary
from labelers.vocabulary.cue_terms import Cue
from labelers.vocabulary.loader import MODIFIERS, Entry
from labelers.vocabulary.patterns import fold

_RUNS = re.compile(r" {2,}")


class Meaning(NamedTuple):
    """What a phrase stands for, by role.

    `naming` is true for findings, look-alikes, anatomies and predicates, which compete for tokens;
    `final` if one of the cues counts only at the end of a sentence.
    """

    naming: bool
    findings: tuple[str, ...]
    anatomies: tuple[str, ...]
    predicates: tuple[str, ...]
    cues: tuple[Cue, ...]
    final: bool
    pseudo: bool
    terminator: bool
    modifiers: tuple[tuple[str, str], ...]


def meaning_of(entries: tuple[Entry, ...], cues: tuple[Cue, ...]) -> Meaning:
    """Return the meaning of a phrase from its entries in the vocabulary."""
    roles = {role for role, _ in entries}

    def values(wanted: str) -> tuple[str, ...]:
        return tuple(str(value) for role, value in entries if role == wanted)

    meant = tuple(cues[int(value)] for role, value in entries if role == "cue")
    return Meaning(
        not roles.isdisjoint(("finding", "exclusion", "anatomy", "predicate")),
        values("finding"),
        values("anatomy"),
        values("predicate"),
        meant,
        any(cue.final for cue in meant),
        "pseudo" in roles,
        "terminator" in roles,
        tuple((role, str(value)) for role, value in entries if role in MODIFIERS),
    )


class Match(NamedTuple):
    """Tokens [start, end) of a sentence and what they stand for."""

    start: int
    end: int
    meaning: Meaning


class Tokens(NamedTuple):
    """A sentence as tokens: folded words and their [start, end) in the sentence as written."""

    words: list[str]
    starts: list[int]
    ends: list[int]


class PhraseFinder:
    """Finds the phrases of a vocabulary in sentences; loads spaCy when made."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        with spacy_without_torch():
            import spacy
            from spacy.attrs import IDX, LENGTH
            from spacy.matcher import PhraseMatcher

        nlp: Any = spacy.blank("en")
        # Words are compared as they are: what else spaCy knows of each new word is not asked for.
        nlp.vocab.lex_attr_getters = {}
        self._tokenizer: Any = nlp.tokenizer
        self._matcher: Any = PhraseMatcher(nlp.vocab, attr="ORTH")
        by_entries: dict[tuple[Entry, ...], list[str]] = {}
        for phrase, entries in vocabulary.phrases.items():
            by_entries.setdefault(entries, []).append(phrase)
        self._places = [IDX, LENGTH]
        self._meanings: dict[int, Meaning] = {}
        for number, (entries, phrases) in enumerate(by_entries.items()):
            key = f"entries {number}"
            self._matcher.add(key, [self._tokenizer(phrase) for phrase in phrases])
            self._meanings[nlp.vocab.strings[key]] = meaning_of(entries, vocabulary.cues)

    def find(self, sentence: str) -> tuple[Tokens, list[Match]]:
        """Return the tokens and every match, overlapping ones included, in no set order.

        Offsets count code points of `sentence` whatever its spacing.
        """
        folded = fold(sentence)
        origin: list[int] | None = None
        if "  " in folded:
            folded, origin = _single_spaced(folded)
        doc = self._tokenizer(folded)
        meanings = self._meanings
        matches = [Match(start, end, meanings[key]) for key, start, end in self._matcher(doc)]
        # Two columns of the whole sentence: an object a token would cost more than the matching.
        places = doc.to_array(self._places)
        starts, lengths = places[:, 0].tolist(), places[:, 1].tolist()
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        words = [folded[start:end] for start, end in zip(starts, ends, strict=True)]
        if origin is not None:
            ends = [origin[end - 1] + 1 for end in ends]
            starts = [origin[start] for start in starts]
        return Tokens(words, starts, ends), matches


def _single_spaced(text: str) -> tuple[str, list[int]]:
    """Return the text with runs of spaces as one, and the old position of each character."""
    pieces: list[str] = []
    origin: list[int] = []
    begin = 0
    for run in _RUNS.finditer(text):
        pieces.append(text[begin : run.start() + 1])
        origin += range(begin, run.start() + 1)
        begin = run.end()
    pieces.append(text[begin:])
    origin += range(begin, len(text))
    return "".join(pieces), origin
