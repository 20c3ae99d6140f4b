"""The files of a drop folder, read: small ones many at a time by the engine's workers."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine import map_chunks, workers_of
from pipeline.flaky_reads import read_again
from pipeline.readers import ColumnMapping, EmptySourceError, ReportBatch, SourceError
from pipeline.readers.report_source import read_file
from pipeline.readers.source_error import source_errors
from pipeline.settings import EngineSettings

# Text of this size at most is read whole by a worker; what is larger, or unpacks, is streamed.
SMALL = 4 * 1024 * 1024
_STREAMED = (".gz", ".parquet", ".pq")
# Bytes and files that go to a worker together.
CHUNK, FILES_A_CHUNK = 4 * 1024 * 1024, 256
# Fewer bytes of small files than this are read before a pool of processes has started.
POOL_FROM = 16 * 1024 * 1024


@dataclass(frozen=True)
class FileToRead:
    """A file of this machine.

    Attributes
    ----------
    path
        Where it is; None for one that is fetched before it is read.
    size
        In bytes.
    place
        What references to its rows begin with.
    """

    path: Path | None
    size: int
    place: str

    @property
    def is_small(self) -> bool:
        """Whether a worker reads it whole."""
        return (
            self.path is not None
            and self.size <= SMALL
            and self.path.suffix.lower() not in _STREAMED
        )


@dataclass(frozen=True)
class ReadFile:
    """What a worker found in a file.

    Attributes
    ----------
    digest
        SHA-256 of its bytes as hex; empty if not even these could be read.
    batches
        Its rows, up to where it could not be read on.
    error
        Why it could not be read, None where it was.
    """

    digest: str
    batches: list[ReportBatch]
    error: SourceError | None


@dataclass(frozen=True)
class FileReading:
    """How files of a drop folder are read.

    Attributes
    ----------
    mapping, format, source
        As `pipeline.readers.report_source.read_file` takes them.
    """

    mapping: ColumnMapping
    format: str
    source: str

    def batches(self, path: Path, place: str) -> Iterator[ReportBatch]:
        """Yield the rows of a file; an empty one has none.

        Raises
        ------
        SourceError
            It cannot be read as a whole.
        """
        try:
            yield from read_file(path, self.mapping, self.format, self.source, place)
        except EmptySourceError:
            # Engines write empty parts beside full ones.
            return

    def whole(self, files: Sequence[FileToRead]) -> list[ReadFile]:
        """Return what is in each of some small files."""
        return [self._whole(file) for file in files]

    def _whole(self, file: FileToRead) -> ReadFile:
        assert file.path is not None
        batches: list[ReportBatch] = []
        digest = ""
        try:
            digest = read_again(digest_of, file.path)
            batches.extend(self.batches(file.path, file.place))
        except SourceError as error:
            return ReadFile(digest, batches, error)
        return ReadFile(digest, batches, None)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file's bytes as hex.

    Raises
    ------
    SourceError
        It cannot be read.
    """
    with source_errors(file), file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_small(
    files: Sequence[FileToRead], reading: FileReading, engine: EngineSettings
) -> Iterator[ReadFile | None]:
    """Yield what is in each file, in order; None for one that the caller has to read.

    That is every one where they are too few for workers to pay off.
    """
    if sum(file.size for file in files if file.is_small) < POOL_FROM:
        yield from (None for _ in files)
        return
    found = iter(_read_by_workers([file for file in files if file.is_small], reading, engine))
    for file in files:
        yield next(found) if file.is_small else None


def _read_by_workers(
    files: Sequence[FileToRead], reading: FileReading, engine: EngineSettings
) -> Iterator[ReadFile]:
    workers = workers_of(engine, many=True)
    for part in map_chunks(reading.whole, _chunks(files), workers):
        yield from part


def _chunks(files: Sequence[FileToRead]) -> Iterator[list[FileToRead]]:
    chunk: list[FileToRead] = []
    size = 0
    for file in files:
        if chunk and (size + file.size > CHUNK or len(chunk) == FILES_A_CHUNK):
            yield chunk
            chunk, size = [], 0
        chunk.append(file)
        size += file.size
    if chunk:
        yield chunk
