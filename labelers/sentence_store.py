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
from labelers.vocabulary import Vocabulary
from labelers.vocabulary.echoes import Echo
from labelers.vocabulary.loader import ASSERTIONS, MODIFIERS

DIGITS = str.maketrans("123456789", "000000000")

# What is kept of a mention, in this order, as int32. `state` and `part` are what `aggregate` takes.
COLUMNS = (
    "start",
    "end",
    "finding",
    "assertion",
    "cue_start",
    "cue_end",
    "cue",
    *MODIFIERS,
    "state",
    "part",
)

_LONGEST_ECHO = 90  # code points

_ASSERTIONS = {name: number for number, name in enumerate(ASSERTIONS)}
STATES = {"present": 1, "uncertain": -1, "absent": 0, "resolved": 0}


class SentenceStore:
    """Columns of the mentions of every sentence read so far.

    Attributes
    ----------
    words
        Values that the columns `cue` and the modifiers number; -1 in a column stands for none.
    """

    def __init__(self, reader: SentenceReader, vocabulary: Vocabulary) -> None:
        self._reader = reader
        self._finding = {name: number for number, name in enumerate(vocabulary.finding_ids)}
        self._normal = [finding.normal for finding in vocabulary.findings]
        self._echoes = vocabulary.echoes
        self._numbers: dict[str, dict[str, int]] = {}
        self._word_numbers: dict[str, int] = {}
        self.words: list[str] = []
        self._first = array("i", [0])
        self._mentions = array("i")
        self._echoing = array("b")
        self._heard: dict[int, tuple[Echo, int, int]] = {}

    def __len__(self) -> int:
        return len(self._first) - 1

    def numbers_of(self, kind: str) -> dict[str, int]:
        """Return the known sentences of a kind of section, digits as 0, with their numbers."""
        return self._numbers.setdefault(kind, {})

    def add(self, kind: str, key: str, sentence: str, context: bool) -> int:
        """Read a sentence that is not known yet and return its number; `key` has digits as 0."""
        number = len(self)
        mentions = self._reader.read(sentence, context)
        for mention in mentions:
            self._append(mention, sentence, kind, context)
        self._first.append(len(self._mentions) // len(COLUMNS))
        heard = not (mentions or context) and len(sentence) <= _LONGEST_ECHO
        echo = self._echoes.find(sentence) if heard else None
        self._echoing.append(echo is not None)
        if echo is not None:
            said = sentence.rstrip(" .;:!")
            self._heard[number] = (echo, self.number_of(said), len(said))
        # The words of a cue are kept: with a digit in them they are this sentence's own, and so
        # are those of an echo, which is its own cue.
        if key == sentence or (
            echo is None
            and all(
                key[m.cue_start : m.cue_end] == sentence[m.cue_start : m.cue_end] for m in mentions
            )
        ):
            self._numbers[kind][key] = number
        return number

    def _append(self, mention: SentenceMention, sentence: str, kind: str, context: bool) -> None:
        assertion, finding = mention.assertion, self._finding[mention.finding]
        start, end = mention.cue_start, mention.cue_end
        denied_anew = assertion == "absent" and mention.change == "new"
        # «The left lung is clear» says nothing of the right one.
        one_side = self._normal[finding] and mention.laterality in ("left", "right")
        says_nothing = context or denied_anew or one_side or assertion not in STATES
        qualified = assertion == "absent" and mention.severity is not None
        self._mentions.extend(
            (
                mention.start,
                mention.end,
                finding,
                _ASSERTIONS[assertion],
                start,
                end,
                self.number_of(sentence[start:end] if start >= 0 else None),
                *[self.number_of(getattr(mention, name)) for name in MODIFIERS],
                int(NOT_MENTIONED) if says_nothing else STATES[assertion],
                (IN_IMPRESSION if kind == "impression" else 0) | (QUALIFIED if qualified else 0),
            )
        )

    def number_of(self, word: str | None) -> int:
        """Return the number of a value of the text columns, a new one if need be; -1 for None."""
        if word is None:
            return -1
        number = self._word_numbers.setdefault(word, len(self.words))
        if number == len(self.words):
            self.words.append(word)
        return number

    def echoing(self, sentences: NDArray[np.int32]) -> NDArray[np.int8]:
        """Return for each sentence given by number whether it is an echo, 1 or 0."""
        return np.frombuffer(self._echoing, dtype=np.int8)[sentences]

    def echo(self, number: int) -> tuple[Echo, int, int]:
        """Return what an echo says, the number of its words and their length in code points."""
        return self._heard[number]

    def gather(
        self, sentences: NDArray[np.int32]
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int32]]]:
        """Return the mentions of the sentences given by number, in their order.

        Returns
        -------
        tuple
            For each mention the position of its sentence in `sentences`, and `COLUMNS` by name.
        """
        first = np.frombuffer(self._first, dtype=np.int32)
        counts = (first[1:] - first[:-1])[sentences]
        position = np.repeat(np.arange(len(sentences)), counts)
        before = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) - before[position] + first[sentences][position]
        mentions = np.frombuffer(self._mentions, dtype=np.int32).reshape(-1, len(COLUMNS))
        gathered = np.ascontiguousarray(mentions[rows].T)
        return position, dict(zip(COLUMNS, gathered, strict=True))
