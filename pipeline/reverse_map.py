"""What pseudonyms stand for, in a file of the site's own: written only if asked for.

JSON Lines of kind (exam, patient), pseudonym and original, each pair once. The file is made for its
owner alone and is no part of the lake.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.user_error import UserError


class ReverseMap:
    """The pairs that runs have added to a file.

    Parameters
    ----------
    file
        The file; made at the first `save`.
    lake
        The lake's root, inside which the file may not be.

    Raises
    ------
    UserError
        The file is inside the lake, is no plain file of this user's, or others may read it.
    """

    def __init__(self, file: Path, lake: str) -> None:
        self._file = file
        if "://" not in lake and file.resolve().is_relative_to(Path(lake).resolve()):
            raise UserError(
                f"{file}: [privacy] reverse_map may not be inside the lake, which others read; "
                "choose a folder of its own"
            )
        if file.is_symlink():
            raise UserError(f"{file}: [privacy] reverse_map may not be a link; name the file")
        if file.exists():
            self._refuse_readable(file.stat())
        self._noted: dict[tuple[str, str], str] = {}

    def note(self, kind: str, originals: Iterable[str | None], pseudonyms: Iterable[Any]) -> None:
        """Keep pairs in mind until `save`; a null is none."""
        for original, pseudonym in zip(originals, pseudonyms, strict=True):
            if original is not None:
                self._noted[kind, pseudonym] = original

    def save(self) -> int:
        """Add what was noted and is not in the file yet; return how many pairs that was.

        They are added in one write and forced to disk, under a lock; a line that a crash cut short
        is taken away first.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            descriptor = os.open(self._file, flags, 0o600)
            with os.fdopen(descriptor, "r+b", buffering=0) as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                self._refuse_readable(os.fstat(descriptor))
                known = self._known(stream)
                fresh = [
                    {"kind": kind, "pseudonym": pseudonym, "original": original}
                    for (kind, pseudonym), original in self._noted.items()
                    if (kind, pseudonym) not in known
                ]
                lines = "".join(json.dumps(pair) + "\n" for pair in fresh).encode()
                if lines:
                    stream.seek(0, os.SEEK_END)
                    if stream.write(lines) != len(lines):
                        raise OSError(28, "the disk is full")
                    os.fsync(descriptor)
        except OSError as error:
            raise UserError(
                f"{self._file}: [privacy] reverse_map cannot be written ({error.strerror})"
            ) from None
        self._noted.clear()
        return len(fresh)

    def forget(self, pseudonyms: Iterable[str]) -> None:
        """Take pairs out of the file, which is written anew and put in place of itself.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        if not self._file.exists():
            return
        gone = set(pseudonyms)
        partial = self._file.with_name(f"{self._file.name}.partial")
        try:
            with self._file.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                lines = [line for line in stream.read().splitlines() if line.endswith(b"}")]
                kept = [line for line in lines if json.loads(line)["pseudonym"] not in gone]
                partial.unlink(missing_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(partial, flags, 0o600), "wb") as opened:
                    opened.write(b"".join(line + b"\n" for line in kept))
                    opened.flush()
                    os.fsync(opened.fileno())
                partial.replace(self._file)
        except OSError as error:
            raise UserError(
                f"{self._file}: [privacy] reverse_map cannot be written ({error.strerror})"
            ) from None

    def _known(self, stream: Any) -> set[tuple[str, str]]:
        """Return the pairs that the file holds; cut off a last line that is not whole."""
        known = set()
        whole = 0
        stream.seek(0)
        content = stream.read()
        for line in content.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            pair = json.loads(line)
            known.add((pair["kind"], pair["pseudonym"]))
        if whole < len(content):
            stream.truncate(whole)
        return known

    def _refuse_readable(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{self._file}: [privacy] reverse_map is not a plain file")
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise UserError(
                f"{self._file}: [privacy] reverse_map may be read by others than you; "
                f"chmod 600 {self._file}"
            )
