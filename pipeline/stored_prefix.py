"""A prefix of an object store as a drop folder: its objects are fetched one by one to be read.

Objects are told apart by key, size and time, as files of a folder are; stores keep time to a second
or finer, so an object that is written over within the second with as many bytes is not read again.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
from pyarrow import fs

from pipeline.object_store import arrow_file_system, failures_of, refuse_unknown_store
from pipeline.pseudonyms import Pseudonymiser
from pipeline.readers.report_source import (
    COLLECTIONS,
    format_by_ending,
    may_be_of,
    only_format,
    report_format,
)
from pipeline.readers.source_error import SourceError, printable

_SETTING = "[reports] path"
_CHECK = f"check {_SETTING}"
_HIDDEN = re.compile(r"(^|/)[._]")
_PART_BYTES = 1 << 20


class StoredFiles(NamedTuple):
    """The objects that are read, in the order of their keys, and their format."""

    files: Sequence["StoredFile"]
    format: str


class StoredPrefix:
    """The objects below a prefix, or the one object of that key.

    Endpoint, region and keys are found as for a lake (see `arrow_file_system`).

    Parameters
    ----------
    url
        Such as ``s3://bucket/prefix``.
    options
        The store's options, as the lake's.
    scratch
        A folder of this user alone, to which objects are fetched.
    pseudonymiser
        Names objects in errors, for keys may hold identifiers.

    Raises
    ------
    UserError
        The URL is of no supported store.
    """

    def __init__(
        self, url: str, options: Mapping[str, str], scratch: Path, pseudonymiser: Pseudonymiser
    ) -> None:
        refuse_unknown_store(url, _SETTING)
        self.url = url.rstrip("/")
        self.source = printable(PurePosixPath(self.url).name)
        self._scratch = scratch
        self._pseudonymiser = pseudonymiser
        with failures_of(self.url):
            self._filesystem, self._root = arrow_file_system(self.url, options)

    def files(self, format: str, *, may_be_empty: bool) -> StoredFiles:
        """Return the objects of a format; ``auto`` decides by their endings, or the content.

        Below a prefix all objects count, at whatever depth, except those of which a part of the
        key begins with a dot or an underscore, such as ``_SUCCESS``.

        Raises
        ------
        SourceError
            There is no object, unless there `may_be_empty`, or none of the format; or the format
            is read from local folders only.
        UserError
            The store cannot be reached or refuses.
        """
        infos = self._infos()
        if not infos and not may_be_empty:
            raise SourceError(f"{self.url}: there is no object of that key or below it; {_CHECK}")
        files = [self._file(info) for info in infos]
        if format == "auto" and files:
            format = self._format(files)
        if format in COLLECTIONS:
            raise SourceError(
                f"{self.url}: {format} is read from a local folder; copy the objects to one"
            )
        if self._is_one(infos):
            return StoredFiles(files, format)
        return StoredFiles([file for file in files if may_be_of(file.name, format)], format)

    def _infos(self) -> list[fs.FileInfo]:
        with failures_of(self.url):
            [info] = self._filesystem.get_file_info([self._root])
            if info.type == fs.FileType.File:
                return [info]
            below = fs.FileSelector(self._root, recursive=True, allow_not_found=True)
            infos = self._filesystem.get_file_info(below)
            if not infos:
                self._refuse_lost_bucket()
        return sorted(
            (info for info in infos if info.is_file and not _HIDDEN.search(self._name(info))),
            key=lambda info: info.path,
        )

    def _refuse_lost_bucket(self) -> None:
        """Tell a bucket that is not there from one that was emptied."""
        bucket = self._root.partition("/")[0]
        try:
            [info] = self._filesystem.get_file_info([bucket])
        except OSError:
            # Who may list the prefix need not be allowed to ask for the whole bucket.
            return
        if info.type == fs.FileType.NotFound:
            raise SourceError(f"{self.url}: there is no such bucket; {_CHECK}")

    def _is_one(self, infos: Sequence[fs.FileInfo]) -> bool:
        return [info.path for info in infos] == [self._root]

    def _name(self, info: fs.FileInfo) -> str:
        return info.path.removeprefix(self._root).strip("/") or info.base_name

    def _file(self, info: fs.FileInfo) -> "StoredFile":
        name = self._name(info)
        place, told = f"{self.url}/{name}", f"{self.url}/{self._pseudonymiser.one(name)}"
        if info.path == self._root:
            place = told = self.url
        return StoredFile(name, place, printable(told), self._filesystem, info, self._scratch)

    def _format(self, files: Sequence["StoredFile"]) -> str:
        """Return the format by the endings; of lines of JSON, and of one object, by the content."""
        formats = {found for file in files if (found := format_by_ending(file.name))}
        asked = [file for file in files if format_by_ending(file.name) == "jsonl"][:1]
        if len(files) == 1 and not formats:
            asked = list(files)
        for file in asked:
            with file.at_hand() as path:
                formats = formats - {"jsonl"} | {report_format(path)}
        return only_format(formats, self.url)


@dataclass(frozen=True)
class StoredFile:
    """An object (see `pipeline.drop_folder.DroppedFile`); `told` is what errors call it."""

    name: str
    place: str
    told: str
    filesystem: fs.FileSystem
    info: fs.FileInfo
    scratch: Path

    def stat(self) -> tuple[int, int]:
        """Return size and time as they were listed."""
        return self.info.size, self.info.mtime_ns or 0

    @contextmanager
    def at_hand(self) -> Iterator[Path]:
        """Fetch it for as long as the block lasts.

        Raises
        ------
        SourceError
            It is gone, or cannot be read as what it is held for.
        UserError
            The store cannot be reached or refuses.
        """
        # Readers ask the ending; the rest of the key may be longer than a file's name may be.
        endings = "".join(Path(self.info.base_name).suffixes[-2:])
        copy = self.scratch / f"object{endings}"
        try:
            self._fetch(copy)
            yield copy
        except SourceError as error:
            told = str(error).replace(printable(copy), self.told)
            raise type(error)(told) from None
        finally:
            copy.unlink(missing_ok=True)

    def path_here(self) -> None:
        """Return that it is not on this machine before it is fetched."""

    def is_alone_at_fault(self) -> bool:
        """Whether the store is still there: where it is not, no `SourceError` is raised."""
        return True

    def _fetch(self, copy: Path) -> None:
        try:
            with failures_of(self.told):
                stream = self.filesystem.open_input_stream(self.info.path)
            with stream, copy.open("wb") as file:
                while part := self._part(stream):
                    file.write(part)
        except FileNotFoundError:
            raise SourceError(f"{self.told}: was removed while it was read") from None

    def _part(self, stream: pa.NativeFile) -> bytes:
        with failures_of(self.told):
            return stream.read(_PART_BYTES)
