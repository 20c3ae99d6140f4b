"""Names of files in a folder or archive, which archives often make of accession numbers.

A site with a key is not told them, neither in quarantine nor in messages: their pseudonyms stand
instead, the same wherever the file is named. The folder that the settings name is told.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from pipeline.pseudonyms import Pseudonymiser
from pipeline.user_error import UserError

# «row 17», «line 3», «row 4 (line 9)»: the place in a file, after its name.
_PLACE = re.compile(r"(?: [a-z]+ \d+(?: \(line \d+\))?)*$")


def veiled_references(
    references: pa.ChunkedArray | pa.Array, source: str, pseudonymiser: Pseudonymiser
) -> pa.ChunkedArray | pa.Array:
    """Return references to rows of `source` with the pseudonyms of the files inside it.

    ``drop MRN123.csv row 4`` becomes ``drop 5f2c… row 4``; ``reports.csv row 4``, where the
    source is the file itself, stays.
    """
    if not pseudonymiser.active:
        return references
    veiled = []
    for reference in references.to_pylist():
        inside = reference.removeprefix(source)
        place = _PLACE.search(inside)
        assert place is not None
        name, place_in_file = inside[: place.start()].strip(), place.group()
        told = f" {pseudonymiser.one(name)}" if name else ""
        veiled.append(f"{source}{told}{place_in_file}")
    return pa.array(veiled, pa.string())


@contextmanager
def veiled_errors(path: Path | str, pseudonymiser: Pseudonymiser) -> Iterator[None]:
    """Name files inside the folder `path` by their pseudonyms in errors that pass."""
    try:
        yield
    except UserError as error:
        # An object of a store is named by its pseudonym from the start.
        if not pseudonymiser.active or isinstance(path, str) or not path.is_dir():
            raise
        told = str(error)
        inside = {
            os.path.relpath(os.path.join(folder, name), path)
            for folder, folders, names in os.walk(path)
            for name in (*names, *folders)
        }
        # The longest first: a name may be a part of another one.
        for name in sorted(inside | {os.path.basename(n) for n in inside}, key=len, reverse=True):
            told = told.replace(name, pseudonymiser.one(name))
        raise UserError(told) from None
