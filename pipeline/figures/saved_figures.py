"""Figures of a table version, kept in the lake's state folder, so that a page need not count anew.

They are counts, never text, and can be deleted at any time; the queue of review
and the sample of the gallery name exams, which is why `radsim forget` deletes them all.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import Lake

FOLDER = "figures"
_MADE_OF = b"radsim.made_of"


def saved(
    lake: Lake, name: str, made_of: Mapping[str, object], make: Callable[[], pa.Table]
) -> pa.Table:
    """Return the figures called `name`; make and keep them unless those kept are of the same.

    `made_of` names all that they depend on: table versions, scheme, settings. A folder that cannot
    be written costs time, not the figures.
    """
    path = lake.state_folder / FOLDER / f"{name}.parquet"
    digest = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest().encode()
    try:
        if (pq.read_schema(path).metadata or {}).get(_MADE_OF) == digest:
            return pq.read_table(path)
    except (OSError, pa.ArrowException):
        pass
    table = make()
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _MADE_OF: digest})
    part = path.with_name(f"{name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, part)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
    return table


def drop_saved(lake: Lake) -> None:
    """Delete what is kept; it is made anew when it is asked for."""
    for path in (lake.state_folder / FOLDER).glob("*.parquet"):
        path.unlink(missing_ok=True)
