"""The errors of a source that cannot be read as a whole.

A bad row is never an error: readers reject it with a rule and a reason and go on.
"""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tarfile import TarError

from pipeline.user_error import UserError

MAX_COLUMNS_SHOWN = 30
MAX_NAME_CHARACTERS = 40
MAX_DIGITS_IN_A_ROW = 3


class SourceError(UserError):
    """A file or folder that cannot be read: one line with its name, what is wrong, what to do."""


class EmptySourceError(SourceError):
    """A file without rows."""


def printable(text: object) -> str:
    """Return `text` as one printable line; every other character becomes a question mark."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def shown_columns(columns: Sequence[str]) -> str:
    """Return the columns a file has, for a message, or a hint when they do not look like names.

    The first line of a file without a header is a row: its text and identifiers must not reach a
    message, so the columns are listed only when every one of them looks like a name.
    """
    if not all(map(_is_name, columns)):
        return "its first line does not look like column names; is the header missing?"
    listed = ", ".join(printable(column) or "(unnamed)" for column in columns[:MAX_COLUMNS_SHOWN])
    more = len(columns) - MAX_COLUMNS_SHOWN
    return f"its columns are: {listed}" + (f" and {more} more" if more > 0 else "")


def _is_name(column: str) -> bool:
    digits = longest = 0
    for character in column:
        digits = digits + 1 if character.isdigit() else 0
        longest = max(longest, digits)
    return (
        len(column) <= MAX_NAME_CHARACTERS
        and len(column.split()) <= 4
        and not column.rstrip().endswith(".")
        and not column.strip().isdigit()
        and longest <= MAX_DIGITS_IN_A_ROW
    )


@contextmanager
def source_errors(path: Path) -> Iterator[None]:
    """Turn what the system and the format libraries raise while reading `path` to `SourceError`."""
    name = printable(path)
    try:
        yield
    except FileNotFoundError:
        raise SourceError(f"{name}: no such file or folder; check the path") from None
    except PermissionError:
        raise SourceError(f"{name}: may not be read; ask for the right to read it") from None
    except (EOFError, zlib.error, TarError) as error:
        raise SourceError(
            f"{name}: is damaged or cut short ({type(error).__name__}); copy it again"
        ) from None
    except OSError as error:
        # gzip.BadGzipFile is an OSError without a number of its own.
        problem = error.strerror or "is damaged or not what its ending says"
        raise SourceError(f"{name}: {printable(problem)}; check the file") from None
