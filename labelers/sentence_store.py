"""Mentions of distinct sentences as columns: each sentence is read once.

The key is (section kind, exact sentence text, each digit as 0): phrases are compared with digits
as 0 (`vocabulary.patterns.fold`), so sentences that differ in digits alone have the same mentions
at the same offsets. A store lives in memory and only grows; its owner replaces it when it holds
too many sentences.
"""

from array import array

import numpy as np
from numpy.typing import NDArray

from labelers.aggregation import IN_IMPRESSION, NOT_MENTIONED, QUALIFIED
from labelers.sentence_reader import SentenceMention, SentenceReader
from labelers.vocabulary.loader import ASSERTIONS, MODIFIERS

DIGITS = str.maketrans("123456789", "000000000")

INT_COLUMNS = ("start", "end", "finding", "assertion", "cue_start", "cue_end", "cue", *MODIFIERS)

_STATES = {"present": 1, "uncertain": -1, "absent": 0, "resolved": 0}


class SentenceStore:
    """Columns of the mentions of every sentence read so far.

    Attributes
    ----------
    words
        Values that the columns `cue` and the modifiers number; -1 in a column stands for none.
    """

    def __init__(self, reader: SentenceReader, columns: dict[str, int]) -> None:
        self._reader = reader
        self._finding = columns
        self._numbers: dict[str, dict[str, int]] = {}
        self._word_numbers: dict[str, int] = {}
        self.words: list[str] = []
        self._first = array("i", [0])
        self._columns = {name: array("i") for name in INT_COLUMNS}
        self._state = array("b")
        self._part = array("b")

    def __len__(self) -> int:
        return len(self._first) - 1

    def numbers_of(self, kind: str) -> dict[str, int]:
        """Return the known sentences of a section kind, digits as 0, with their numbers."""
        return self._numbers.setdefault(kind, {})

    def add(self, kind: str, sentence: str, context: bool) -> int:
        """Read a sentence that is not known yet and return its number."""
        number = len(self)
        mentions = self._reader.read(sentence, context)
        for mention in mentions:
            self._append(mention, sentence, kind, context)
        self._first.append(len(self._state))
        key = sentence.translate(DIGITS)
        # The words of a cue are part of what is kept: with a digit in them they are this
        # sentence's own.
        if all(key[m.cue_start : m.cue_end] == sentence[m.cue_start : m.cue_end] for m in mentions):
            self._numbers.setdefault(kind, {})[key] = number
        return number

    def _append(self, mention: SentenceMention, sentence: str, kind: str, context: bool) -> None:
        columns = self._columns
        columns["start"].append(mention.start)
        columns["end"].append(mention.end)
        columns["finding"].append(self._finding[mention.finding])
        columns["assertion"].append(ASSERTIONS.index(mention.assertion))
        columns["cue_start"].append(mention.cue_start)
        columns["cue_end"].append(mention.cue_end)
        cued = mention.cue_start >= 0
        cue = sentence[mention.cue_start : mention.cue_end] if cued else None
        columns["cue"].append(self._word(cue))
        for name in MODIFIERS:
            columns[name].append(self._word(getattr(mention, name)))
        state = _STATES.get(mention.assertion, int(NOT_MENTIONED))
        if context or (mention.assertion == "absent" and mention.change == "new"):
            state = int(NOT_MENTIONED)
        qualified = mention.assertion == "absent" and mention.severity is not None
        self._state.append(state)
        self._part.append(
            (IN_IMPRESSION if kind == "impression" else 0) | (QUALIFIED if qualified else 0)
        )

    def _word(self, word: str | None) -> int:
        if word is None:
            return -1
        number = self._word_numbers.setdefault(word, len(self.words))
        if number == len(self.words):
            self.words.append(word)
        return number

    def gather(self, sentences: NDArray[np.int32]) -> tuple[NDArray[np.int64], "Gathered"]:
        """Return the mentions of the sentences given by number, in their order.

        Returns
        -------
        tuple
            For each mention the position of its sentence in `sentences`, and the columns.
        """
        first = np.frombuffer(self._first, dtype=np.int32)
        counts = (first[1:] - first[:-1])[sentences]
        position = np.repeat(np.arange(len(sentences)), counts)
        before = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) - before[position] + first[sentences][position]
        columns = {
            name: np.frombuffer(column, dtype=np.int32)[rows]
            for name, column in self._columns.items()
        }
        state = np.frombuffer(self._state, dtype=np.int8)[rows]
        part = np.frombuffer(self._part, dtype=np.int8)[rows]
        return position, Gathered(columns, state, part)


class Gathered:
    """Columns of mentions: int32 by name, and the state and part of each, int8."""

    def __init__(
        self,
        columns: dict[str, NDArray[np.int32]],
        state: NDArray[np.int8],
        part: NDArray[np.int8],
    ) -> None:
        self.columns = columns
        self.state = state
        self.part = part
