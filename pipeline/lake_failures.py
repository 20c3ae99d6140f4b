"""What a disk refuses and what is wrong with a lake's files, in one line each."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.user_error import UserError

# What the system says, under which numbers and in which words (libraries written in Rust or C++
# pass the words on without the number), and what a user can do about it.
_REFUSALS = (
    (
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        r"no space left|quota exceeded|file too large|\d+ requested and \d+ written",
        "the disk is full; make room and run again",
    ),
    (
        (errno.EROFS,),
        r"read-only file system",
        "the file system is read-only; choose another folder, or make it writable",
    ),
    (
        (errno.EACCES, errno.EPERM),
        r"permission denied|operation not permitted",
        "no permission to read or write here; choose another folder or ask for it",
    ),
    (
        (errno.ESTALE, errno.EIO, errno.ENODEV, errno.ENOTCONN, errno.EHOSTDOWN),
        r"stale file handle|input/output error",
        "the drive or network folder does not answer as it should; check it and run again",
    ),
)


class DamagedTableError(UserError):
    """A table of the lake cannot be read: a file or an entry of its log is missing or damaged."""

    def __init__(self, root: str, table: str) -> None:
        super().__init__(
            f"{root}/tables/{table}: a file of this table is missing or damaged; nothing was "
            "changed; put the lake's folder back from a backup and run again"
        )


def refusal(error: BaseException) -> str | None:
    """Return what the system refused and what to do, None where the error is of another kind."""
    number = error.errno if isinstance(error, OSError) else None
    said = str(error).lower()
    for numbers, words, told in _REFUSALS:
        if number in numbers or re.search(words, said):
            return told
    return None


@contextmanager
def failures_of_files(root: str, table: str | None = None) -> Iterator[None]:
    """Turn what happens to a lake's files into one line; `table` is the one that is read, if any.

    Raises
    ------
    DamagedTableError
        A file of the table is missing or is not whole.
    UserError
        The disk is full, read-only or gone.
    """
    import pyarrow as pa
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

    try:
        yield
    except (CommitFailedError, TableNotFoundError):
        raise
    except (OSError, DeltaError, pa.ArrowException) as error:
        told = refusal(error)
        if told is not None:
            raise UserError(f"{root}: {told}") from None
        if table is not None and _is_damage(error):
            raise DamagedTableError(root, table) from None
        raise


def refuse_empty_log(root: str, table: str) -> None:
    """Refuse a local table of whose log an entry is empty, as a crash of the machine can leave it.

    It would else be read as a commit without rows.

    Raises
    ------
    DamagedTableError
        An entry is empty.
    """
    log = Path(root) / "tables" / table / "_delta_log"
    if any(entry.stat().st_size == 0 for entry in log.glob("*.json")):
        raise DamagedTableError(root, table)


def refuse_lost_ledger(root: str) -> None:
    """Refuse a local lake that has lost its ledger: it would look like one that is new.

    Labels and cached pixels are made only of what an earlier run has committed.

    Raises
    ------
    DamagedTableError
        The ledger is missing though there are tables of later stages.
    """
    if any((Path(root) / "tables" / name).exists() for name in ("labels", "pixels")):
        raise DamagedTableError(root, "runs")


def _is_damage(error: Exception) -> bool:
    """Say whether reading failed because of the file, not of the way to it."""
    if isinstance(error, OSError):
        # Arrow's own findings in a file (a broken page, a broken footer) carry no number.
        return error.errno is None or isinstance(error, FileNotFoundError)
    return True
