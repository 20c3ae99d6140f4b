"""A corpus of any size out of the OpenI dev reports, for measuring speed: frozen, streamed.

Each report has as many sentences in findings and impression as some OpenI report; each sentence is
drawn from those that OpenI says in that section, as often as it says them (twice in a report
counts once). Measurements, laterality,
lobes, vertebrae, ribs and small counts are drawn anew each time; some sentences get a comparison
with a date («compared to 03/14/2011»), some lesions a size («measuring 1.3 cm»). Report number `n`
does not depend on how many are asked for.

`SETTINGS` are frozen: `FROZEN` is the digest of the first 10,000 reports that they and the seed
give on the OpenI dev reports. To state the corpus's shares:

    RADSIM_DATA=FOLDER python tests/benchmarks/report_corpus.py [--reports 745000] [--csv FILE]
"""

import argparse
import csv
import hashlib
import os
import random
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

FULL = 745_000


class Settings(NamedTuple):
    """What makes the corpus: the seed, and the shares of sentences that get a date or a size."""

    seed: int = 745
    dated: float = 0.17  # of all sentences
    sized: float = 0.25  # of those that name a lesion and have no size


SETTINGS = Settings()
FROZEN = "dd50195a249a3ffec5393253f35da722bc7bd885b5a467febebeeb66fd0ce234"

COLUMNS = ("exam_id", "patient_id", "exam_time", "findings", "impression")
SECTIONS = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))

_ENDS = re.compile(r"(?<=[.?!])\s+")
_NUMBER = re.compile(r"^\d{1,2}[.)]\s*")
_LESION = re.compile(r"\b(?:nodul|granulom|opacit|mass\b|lesion|densit)", re.IGNORECASE)
_SIZE = re.compile(r"\b\d+(?:\.\d+)?(?=[ -]?(?:cm|mm)\b)")
_COMPARISONS = ("compared to", "as compared to", "in comparison with", "when compared with")
_COUNTS = ("two", "three", "four", "five", "several", "multiple")


def _as_written(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() else word


def _side(draw: random.Random, found: re.Match[str]) -> str:
    return _as_written(draw.choice(("right", "left")), found[0])


def _lobe(draw: random.Random, found: re.Match[str]) -> str:
    sides = ("right upper", "right middle", "right lower", "left upper", "left lower")
    return _as_written(draw.choice(sides), found[0])


def _size(draw: random.Random, found: re.Match[str]) -> str:
    return f"{draw.uniform(0.3, 6):.1f}" if "." in found[0] else str(draw.randint(2, 39))


def _vertebra(draw: random.Random, found: re.Match[str]) -> str:
    return f"{found[1]}{draw.randint(1, 12 if found[1] == 'T' else 5)}"


def _rib(draw: random.Random, _: re.Match[str]) -> str:
    number = draw.randint(1, 12)
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


def _count(draw: random.Random, found: re.Match[str]) -> str:
    return _as_written(draw.choice(_COUNTS), found[0])


# What is drawn anew wherever it stands in a sentence; a lobe before a side, which it holds.
_DRAWN_ANEW: tuple[tuple[re.Pattern[str], Callable[[random.Random, re.Match[str]], str]], ...] = (
    (re.compile(r"\b(?:right|left) (?:upper|middle|lower)(?= lobe)", re.IGNORECASE), _lobe),
    (re.compile(r"\b(?:right|left)\b(?! (?:upper|middle|lower) lobe)", re.IGNORECASE), _side),
    (_SIZE, _size),
    (re.compile(r"\b([TL])\d{1,2}\b"), _vertebra),
    (re.compile(r"\b\d{1,2}(?:st|nd|rd|th)\b"), _rib),
    (re.compile(r"\b(?:two|three|four|multiple)\b(?!-)", re.IGNORECASE), _count),
)


class _Sentence(NamedTuple):
    """A sentence without its list number and end mark, and what can be varied in it."""

    text: str
    mark: str
    anew: tuple[int, ...]  # of _DRAWN_ANEW
    lesion: bool

    @classmethod
    def of(cls, text: str) -> "_Sentence":
        plain = text.rstrip(".?!")
        anew = [n for n, (pattern, _) in enumerate(_DRAWN_ANEW) if pattern.search(plain)]
        lesion = bool(_LESION.search(plain)) and not _SIZE.search(plain)
        return cls(plain, text[len(plain) :], tuple(anew), lesion)

    def varied(self, draw: random.Random, settings: Settings) -> str:
        text = self.text
        for number in self.anew:
            pattern, drawn = _DRAWN_ANEW[number]
            text = pattern.sub(lambda found, drawn=drawn: drawn(draw, found), text)
        if self.lesion and draw.random() < settings.sized:
            text += f" measuring {draw.uniform(0.3, 6):.1f} cm"
        if draw.random() < settings.dated:
            day = datetime(1996, 1, 1) + timedelta(days=draw.randrange(7300))
            text += f" {draw.choice(_COMPARISONS)} {day:%m/%d/%Y}"
        return text + self.mark


class _Pool:
    """The sentences of one section in OpenI, and the shapes of its reports."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.sentences: list[_Sentence] = []
        self.shapes: list[tuple[int, bool]] = []  # sentences, and whether they are a list
        for text in texts:
            pieces = [piece for piece in _ENDS.split(text.strip()) if piece]
            bare = [_NUMBER.sub("", piece) for piece in pieces]
            said = [piece for piece in bare if any(map(str.isalpha, piece))]
            self.sentences += map(_Sentence.of, said)
            self.shapes.append((len(said), len(said) > 1 and bool(_NUMBER.match(pieces[0]))))

    def text(self, draw: random.Random, shape: tuple[int, bool], settings: Settings) -> str:
        length, listed = shape
        chosen = dict.fromkeys(draw.choices(self.sentences, k=length))
        said = [sentence.varied(draw, settings) for sentence in chosen]
        if listed:
            said = [f"{number}. {sentence}" for number, sentence in enumerate(said, start=1)]
        return " ".join(said)


class ReportCorpus:
    """The corpus; iterate over it for rows of `COLUMNS`.

    Parameters
    ----------
    folder
        The OpenI folder of the measuring data.
    reports
        How many reports.
    settings
        What makes it.
    """

    def __init__(self, folder: Path, reports: int = FULL, settings: Settings = SETTINGS) -> None:
        self.reports = reports
        self.settings = settings
        with (folder / "reports.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self._findings = _Pool(row["findings"] for row in rows)
        self._impression = _Pool(row["impression"] for row in rows)
        shapes = zip(self._findings.shapes, self._impression.shapes, strict=True)
        self._shapes = [shape for shape in shapes if shape[0][0] + shape[1][0]]

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        draw = random.Random(self.settings.seed)
        for number in range(self.reports):
            of_findings, of_impression = draw.choice(self._shapes)
            taken = datetime(2017, 1, 1) + timedelta(minutes=draw.randrange(1_000_000))
            yield (
                f"E{number:07d}",
                f"P{number * 7919 % 300_007:06d}",
                f"{taken:%Y-%m-%d %H:%M}",
                self._findings.text(draw, of_findings, self.settings),
                self._impression.text(draw, of_impression, self.settings),
            )

    def write_csv(self, path: Path) -> None:
        """Write the reports as a CSV file with a header."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(self)

    def tables(self, reports: int = 20_000) -> Iterator[pa.Table]:
        """Yield tables exam_id, sections (list of kind, text), of at most `reports` rows."""
        rows = iter(self)
        while piece := list(islice(rows, reports)):
            sections = [
                [
                    {"kind": kind, "text": text}
                    for kind, text in zip(COLUMNS[3:], row[3:], strict=True)
                    if text
                ]
                for row in piece
            ]
            ids = pa.array([row[0] for row in piece], pa.string())
            yield pa.table({"exam_id": ids, "sections": pa.array(sections, SECTIONS)})


def openi_folder() -> Path:
    """Return the OpenI folder under `$RADSIM_DATA`."""
    return Path(os.environ["RADSIM_DATA"]) / "openi"


def digest(folder: Path) -> str:
    """Return the SHA-256 of the first 10,000 reports."""
    found = hashlib.sha256()
    for row in ReportCorpus(folder, 10_000):
        found.update("\x1f".join(row).encode() + b"\x1e")
    return found.hexdigest()


def shares(rows: Iterable[tuple[str, ...]]) -> tuple[int, int, int]:
    """Return the sentences, the distinct ones, and the distinct ones with digits as 0 and folded.

    Memory holds a hash of 8 bytes a distinct sentence.
    """
    digits = str.maketrans("123456789", "000000000")
    said = 0
    distinct: set[int] = set()
    folded: set[int] = set()
    for row in rows:
        for text in row[3:]:
            for sentence in _ENDS.split(text):
                plain = _NUMBER.sub("", sentence)
                if plain:
                    said += 1
                    distinct.add(hash(plain))
                    folded.add(hash(plain.lower().translate(digits)))
    return said, len(distinct), len(folded)


def main() -> None:
    """Print the shares of distinct sentences; write the corpus if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=FULL)
    parser.add_argument("--csv", type=Path, help="also write the corpus to this file")
    options = parser.parse_args()
    folder = openi_folder()
    found = digest(folder)
    print(f"first 10,000 reports: {'as frozen' if found == FROZEN else 'NOT AS FROZEN: ' + found}")
    corpus = ReportCorpus(folder, options.reports)
    if options.csv:
        corpus.write_csv(options.csv)
    said, distinct, folded = shares(corpus)
    print(
        f"{options.reports:,} reports, {said:,} sentences, distinct {distinct:,} "
        f"({distinct / said:.1%}), with digits and case folded {folded:,} ({folded / said:.1%})"
    )


if __name__ == "__main__":
    main()
