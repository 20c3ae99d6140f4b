"""The columns of a table as a reader yields them: without a run, with the row's place."""

import pyarrow as pa

from data_contracts import schemas


def delivered(table: pa.Schema) -> pa.Schema:
    """Return a table's own columns, then `source` and the row's `reference` in it."""
    own = [field for field in table if field not in schemas.PROVENANCE]
    place = [pa.field(name, pa.string(), nullable=False) for name in ("source", "reference")]
    return pa.schema([*own, *place])
