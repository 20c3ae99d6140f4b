"""Rows of a comma- or tab-separated file, streamed, with the rows that break the format set apart.

The standard library's reader is used in strict mode: a quote that does not open or close a field
would otherwise let one report swallow the next. pyarrow's reader is faster, but stops at the first
byte that is not UTF-8 and at the first broken quote.
"""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from pipeline.readers.rejected_rows import RejectedRow
from pipeline.readers.row_chunk import CHARACTERS, ROWS, RowChunk, chunk_of_rows, row_references
from pipeline.readers.source_error import EmptySourceError, SourceError, printable, source_errors

MAX_FIELD_CHARACTERS = 16_000_000
MAX_LINE_CHARACTERS = 64_000_000
BUFFER_BYTES = 1 << 18
# Text deflates to a fifth or a tenth, the same row again and again to a thousandth.
MOST_INFLATION = 200
MOST_INFLATED_BYTES = 200_000_000
GZIP_MAGIC = b"\x1f\x8b"

# Few distinct reasons, so that a summary can count rows by reason: the place is in the reference.
MALFORMED_REASON = (
    "quotes are not as CSV has them; quote the whole field and double each quote in it"
)
RAGGED_REASON = "not as many fields as the header has ({}); quote fields that hold a {}"


class DelimitedRows:
    """One delimited file: its column names, and its rows in chunks.

    Parameters
    ----------
    path
        The file; its ending says whether tabs or commas separate. Gzip is found by its content.
    place
        What references begin with; the file's name by default.
    delimiter
        Overrules the ending.

    Raises
    ------
    SourceError
        If there is no such file, it has no header, or is not UTF-8 as a whole (on opening); if it
        has no rows or is cut short (on reading).
    """

    def __init__(self, path: Path, place: str | None = None, delimiter: str | None = None) -> None:
        self.path = path
        self.place = place or printable(path.name)
        self.delimiter = delimiter or delimiter_of(path)
        # A report of 5 MB must be readable to be rejected by name; the limit is the process's own.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD_CHARACTERS))
        with source_errors(path), _opened(path) as stream:
            self.columns: list[str] = _header(self._records(stream), path)

    def chunks(self, names: Sequence[str], key: str | None = None) -> Iterator[RowChunk]:
        """Yield the columns `names`, a few thousand rows at a time.

        `key` is the column of the exam's id, named beside rejected rows. Lines without any
        character are not rows.
        """
        positions = [self.columns.index(name) for name in names]
        # itemgetter returns a bare value for one position, so the first is always asked for twice.
        pick = itemgetter(positions[0], *positions)
        with source_errors(self.path), _opened(self.path) as stream:
            records = self._records(stream)
            _header(records, self.path)
            yield from self._chunks(records, list(names), pick, key)

    def _chunks(
        self, records: Any, names: list[str], pick: itemgetter, key: str | None
    ) -> Iterator[RowChunk]:
        expected = len(self.columns)
        ragged = RAGGED_REASON.format(expected, "tab" if self.delimiter == "\t" else "comma")
        rows: list[tuple[str, ...]] = []
        numbers: list[int] = []
        rejected: list[RejectedRow] = []
        number = characters = 0
        ended = False
        while not ended:
            try:
                for record in records:
                    if not record:
                        continue
                    number += 1
                    if len(record) != expected:
                        reference = f"{self.place} row {number}"
                        rejected.append(RejectedRow(None, reference, "row_ragged", ragged))
                    else:
                        row = pick(record)
                        rows.append(row)
                        numbers.append(number)
                        characters += sum(map(len, row))
                    if len(rows) + len(rejected) >= ROWS or characters >= CHARACTERS:
                        break
                else:
                    ended = True
            except csv.Error:
                # The reader starts afresh on the next line.
                number += 1
                reference = f"{self.place} row {number} (line {records.line_num})"
                rejected.append(RejectedRow(None, reference, "row_malformed", MALFORMED_REASON))
                continue
            if rows or rejected:
                references = row_references(self.place, numbers)
                chunk = chunk_of_rows(rows, ["", *names], references, key, rejected)
                del chunk.columns[""]
                yield chunk
            rows, numbers, rejected, characters = [], [], [], 0
        if number == 0:
            raise EmptySourceError(
                f"{printable(self.path)}: has a header but no rows; check the export"
            )

    def _records(self, stream: IO[str]) -> Any:
        return csv.reader(_lines(stream, self.path), delimiter=self.delimiter, strict=True)


def delimiter_of(path: Path) -> str:
    """Return the delimiter that a file's name promises: a tab for tsv, else a comma."""
    name = path.name.lower().removesuffix(".gz")
    return "\t" if name.endswith((".tsv", ".tab")) else ","


def opened_bytes(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes, through gzip if its content is gzip.

    Raises
    ------
    SourceError
        While reading: it inflates to so much that it is no export.
    """
    stream = path.open("rb")
    magic = stream.read(len(GZIP_MAGIC))
    if magic != GZIP_MAGIC:
        stream.seek(0)
        return stream
    stream.close()
    return io.BufferedReader(_Inflated(path), BUFFER_BYTES)


class _Inflated(io.RawIOBase):
    """What a gzip file inflates to, as long as that is not out of all proportion."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream = gzip.GzipFile(path)
        self._most = max(MOST_INFLATED_BYTES, MOST_INFLATION * path.stat().st_size)
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._read += len(data)
        if self._read > self._most:
            raise SourceError(
                f"{printable(self._path)}: inflates to more than {MOST_INFLATION} times its size, "
                "as no export of reports does; unpack it and look at it"
            )
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with opened_bytes(path) as data:
        buffered = io.BufferedReader(data, BUFFER_BYTES)
        start = buffered.peek(4)[:4]
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise SourceError(f"{printable(path)}: is UTF-16, not UTF-8; save it as UTF-8")
        with io.TextIOWrapper(
            buffered, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as stream:
            yield stream


def _lines(stream: IO[str], path: Path) -> Iterator[str]:
    for line in iter(partial(stream.readline, MAX_LINE_CHARACTERS), ""):
        if len(line) == MAX_LINE_CHARACTERS and line[-1] not in "\r\n":
            raise SourceError(
                f"{printable(path)}: has a line of more than {MAX_LINE_CHARACTERS:,} characters; "
                "is it a delimited file?"
            )
        yield line


def _header(records: Any, path: Path) -> list[str]:
    name = printable(path)
    try:
        header = next((record for record in records if record), None)
    except csv.Error:
        raise SourceError(
            f"{name}: its first line is not a header of column names; check the format"
        ) from None
    if header is None:
        raise EmptySourceError(f"{name}: is empty, it has no rows; check the export")
    if any("\0" in column for column in header):
        raise SourceError(f"{name}: its header holds NUL characters; save the file as UTF-8 text")
    if any("\ud800" <= character <= "\udfff" for column in header for character in column):
        raise SourceError(f"{name}: its header is not UTF-8; save the file as UTF-8")
    return header
