"""The lock by which one run at a time writes a lake on a disk."""

from filelock import FileLock, Timeout

from pipeline.lake import Lake
from pipeline.user_error import UserError


def locked(lake: Lake) -> FileLock:
    """Return the lock of a local lake, held by this process until it is released.

    Raises
    ------
    UserError
        Another run holds it, or the folder cannot be written.
    """
    try:
        lake.state_folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lake.state_folder / "lake.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(
            f"{lake.root}: another run is writing this lake; start again when it has ended"
        ) from None
    except OSError as error:
        raise UserError(
            f"{lake.root}: cannot be written ({error.strerror}); choose another folder with "
            "[lake] root or give yourself the right to write"
        ) from None
    return lock
