"""A folder into which a hospital drops files: each run reads those that no run has read before."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.dropped_reading import (
    FileReading,
    FileToRead,
    ReadFile,
    digest_of,
    read_small,
)
from pipeline.flaky_reads import read_again
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.readers import ColumnMapping, ReportBatch, SourceError
from pipeline.readers.rejected_rows import RejectedRow, rejected_table
from pipeline.readers.report_batch import GOLD, REPORTS
from pipeline.readers.source_error import printable, source_errors
from pipeline.settings import EngineSettings

# Raised when reading changes so that files that were read must be read again.
READERS = 1

FILE_UNREADABLE = "the file as a whole cannot be read; it is tried again by the next run"


class DroppedFile(Protocol):
    """A file of a drop folder, wherever that is."""

    @property
    def name(self) -> str:
        """Return what it is called within its folder."""

    @property
    def place(self) -> str:
        """Return where it is, which no other file is."""

    def stat(self) -> tuple[int, int]:
        """Return its size in bytes and when it was modified, in nanoseconds."""

    def at_hand(self) -> AbstractContextManager[Path]:
        """Give it as a file of this machine."""

    def path_here(self) -> Path | None:
        """Return where it is on this machine and on the engine's workers; None if it is not."""

    def is_alone_at_fault(self) -> bool:
        """Whether, when it cannot be read, its folder still can."""


@dataclass(frozen=True)
class LocalFile:
    """A file of a folder of this machine."""

    path: Path

    @property
    def name(self) -> str:
        """Return its name."""
        return self.path.name

    @property
    def place(self) -> str:
        """Return its path from the root."""
        return str(self.path.resolve())

    def stat(self) -> tuple[int, int]:
        """Return its size in bytes and when it was modified, in nanoseconds."""
        with source_errors(self.path):
            status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def at_hand(self) -> AbstractContextManager[Path]:
        """Give the file itself."""
        return nullcontext(self.path)

    def path_here(self) -> Path | None:
        """Return its path."""
        return self.path

    def is_alone_at_fault(self) -> bool:
        """Whether its folder is there; a share that is gone takes all its files with it."""
        return self.path.parent.is_dir()


@dataclass
class DropFolder:
    """The files of a drop folder, and what became of them in this run.

    `source` is what the folder is called, `place` where it is. A file that has name, size and time
    of one that was read is not opened; one that has the bytes of one that was read (delivered
    twice, renamed) is not read. With other settings of its columns everything is read anew.
    """

    run: Run
    source: str
    place: str
    files: Sequence[DroppedFile]
    mapping: ColumnMapping
    format: str
    pseudonymiser: Pseudonymiser
    engine: EngineSettings
    force: bool = False
    read: int = 0
    seen: int = 0
    repeated: int = 0
    unreadable: int = 0
    _rows: list[dict[str, str | int]] = field(default_factory=list)

    def batches(self) -> Iterator[ReportBatch]:
        """Yield the reports of the files that are new, in the order of their names.

        A file that cannot be read as a whole is a rejected row (`file_unreadable`), and the others
        go on; if none can be read, the reason of the first is raised.
        """
        read_as = self._read_as()
        known = self._known(read_as)
        hashes = set(known["content_hash"])
        of_file = known.set_index("file")
        due: list[tuple[DroppedFile, dict[str, str | int]]] = []
        for file in self.files:
            row: dict[str, str | int] = {"file": self._named(file), "read_as": read_as}
            row["size"], row["modified_ns"] = file.stat()
            if row["file"] in of_file.index:
                before = of_file.loc[str(row["file"])]
                if (before["size"], before["modified_ns"]) == (row["size"], row["modified_ns"]):
                    self.seen += 1
                    continue
            due.append((file, row))
        first_failure: SourceError | None = None
        for (file, row), found in zip(due, self._read_small(due), strict=True):
            try:
                yield from self._new_rows(file, row, found, hashes)
            except SourceError as error:
                if not file.is_alone_at_fault():
                    raise
                first_failure = first_failure or error
                self.unreadable += 1
                place = self._reference(file.name)
                yield _rejected(RejectedRow(None, place, "file_unreadable", FILE_UNREADABLE))
                continue
            hashes.add(str(row["content_hash"]))
            self._rows.append(row)
        if first_failure is not None and not self.read + self.repeated + self.seen:
            raise first_failure

    def commit(self) -> None:
        """Note the files that were read, in the run that took in their reports."""
        if not self._rows:
            return
        frame = pd.DataFrame(self._rows)
        bare = [f for f in schemas.DELIVERED_FILES if f not in schemas.PROVENANCE]
        rows = pa.Table.from_pandas(frame, schema=pa.schema(bare), preserve_index=False)
        hashes = pa.array(frame["content_hash"], pa.string())
        stamped = self.run.stamped(rows, self.source, hashes)
        self.run.delete("delivered_files", rows.select(["file"]))
        self.run.append("delivered_files", whole(self.run, "delivered_files", stamped))

    def note(self) -> str:
        """Return what became of the files, in one line."""
        parts = {
            "read": self.read,
            "read before": self.seen,
            "with the content of another": self.repeated,
            "unreadable": self.unreadable,
        }
        told = ", ".join(f"{count:,} {what}" for what, count in parts.items() if count)
        return f"files: {told or 'none'}"

    def _read_small(
        self, due: Sequence[tuple[DroppedFile, dict[str, str | int]]]
    ) -> Iterator[ReadFile | None]:
        files = [
            FileToRead(file.path_here(), int(row["size"]), self._reference(file.name))
            for file, row in due
        ]
        return read_small(files, self._reading, self.engine)

    def _new_rows(
        self,
        file: DroppedFile,
        row: dict[str, str | int],
        found: ReadFile | None,
        hashes: set[str],
    ) -> Iterator[ReportBatch]:
        """Yield the rows of a file whose bytes are new; note its hash in its row."""
        if found is not None:
            row["content_hash"] = found.digest
            if found.digest in hashes:
                self.repeated += 1
                return
            yield from found.batches
            if found.error is not None:
                raise found.error
        else:
            with file.at_hand() as path:
                row["content_hash"] = digest = read_again(digest_of, path)
                if digest in hashes:
                    self.repeated += 1
                    return
                yield from self._reading.batches(path, self._reference(file.name))
        self.read += 1

    @property
    def _reading(self) -> FileReading:
        return FileReading(self.mapping, self.format, self.source)

    def _reference(self, name: str) -> str:
        """Return what references to a file's rows begin with."""
        return self.source if name == self.source else f"{self.source} {printable(name)}"

    def _known(self, read_as: str) -> pd.DataFrame:
        names = ["file", "size", "modified_ns", "read_as", "content_hash"]
        known = self.run.read("delivered_files", names).to_pandas()
        return known[known["read_as"] == ("" if self.force else read_as)]

    def _read_as(self) -> str:
        """Return a hash of all that decides what a file's rows become."""
        told = f"{READERS}\x1f{self.format}\x1f{self.mapping}\x1f{self.place}"
        return hashlib.sha256(told.encode()).hexdigest()

    def _named(self, file: DroppedFile) -> str:
        """Return a hash of the file's place: its name may hold identifiers."""
        place = hashlib.sha256(file.place.encode(errors="surrogateescape")).hexdigest()
        return self.pseudonymiser.one(place)


def _rejected(row: RejectedRow) -> ReportBatch:
    return ReportBatch(REPORTS.empty_table(), rejected_table([row]), GOLD.empty_table())
