"""A folder into which a hospital drops files: each run reads those that no run has read before."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.readers import ColumnMapping, EmptySourceError, ReportBatch, SourceError
from pipeline.readers.rejected_rows import RejectedRow, rejected_table
from pipeline.readers.report_batch import GOLD, REPORTS
from pipeline.readers.report_source import read_file
from pipeline.readers.source_error import printable, source_errors

# Raised when reading changes so that files that were read must be read again.
READERS = 1

FILE_UNREADABLE = "the file as a whole cannot be read; it is tried again by the next run"


@dataclass
class DropFolder:
    """The files of a drop folder, and what became of them in this run.

    A file that has name, size and time of one that was read is not opened; one that has the bytes
    of one that was read (delivered twice, renamed) is not read. With other settings of its columns
    everything is read anew.
    """

    run: Run
    folder: Path
    files: Sequence[Path]
    mapping: ColumnMapping
    format: str
    pseudonymiser: Pseudonymiser
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
        source = printable(self.folder.resolve().name)
        read_as = self._read_as()
        known = self._known(read_as)
        hashes = set(known["content_hash"])
        of_file = known.set_index("file")
        first_failure: SourceError | None = None
        for file in self.files:
            row: dict[str, str | int] = {"file": self._named(file), "read_as": read_as}
            with source_errors(file):
                status = file.stat()
            row |= {"size": status.st_size, "modified_ns": status.st_mtime_ns}
            if row["file"] in of_file.index:
                before = of_file.loc[str(row["file"])]
                if (before["size"], before["modified_ns"]) == (row["size"], row["modified_ns"]):
                    self.seen += 1
                    continue
            try:
                row["content_hash"] = _digest(file)
                if row["content_hash"] in hashes:
                    self.repeated += 1
                else:
                    yield from self._batches_of(file, source)
                    self.read += 1
            except SourceError as error:
                if not self.folder.is_dir():
                    # Not this file is at fault: the share is gone.
                    raise
                first_failure = first_failure or error
                self.unreadable += 1
                place = f"{source} {printable(file.name)}"
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
        stamped = self.run.stamped(rows, printable(self.folder.resolve().name), hashes)
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

    def _batches_of(self, file: Path, source: str) -> Iterator[ReportBatch]:
        place = f"{source} {printable(file.name)}"
        try:
            yield from read_file(file, self.mapping, self.format, source, place)
        except EmptySourceError:
            # Engines write empty parts beside full ones.
            return

    def _known(self, read_as: str) -> pd.DataFrame:
        names = ["file", "size", "modified_ns", "read_as", "content_hash"]
        known = self.run.read("delivered_files", names).to_pandas()
        return known[known["read_as"] == ("" if self.force else read_as)]

    def _read_as(self) -> str:
        """Return a hash of all that decides what a file's rows become."""
        told = f"{READERS}\x1f{self.format}\x1f{self.mapping}\x1f{self.folder.resolve()}"
        return hashlib.sha256(told.encode()).hexdigest()

    def _named(self, file: Path) -> str:
        """Return a hash of the file's place: its name may hold identifiers."""
        place = hashlib.sha256(str(file.resolve()).encode(errors="surrogateescape")).hexdigest()
        return self.pseudonymiser.one(place)


def _digest(file: Path) -> str:
    with source_errors(file), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _rejected(row: RejectedRow) -> ReportBatch:
    return ReportBatch(REPORTS.empty_table(), rejected_table([row]), GOLD.empty_table())
