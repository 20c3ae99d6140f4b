"""SQL over the current tables of a lake, which are scanned and not loaded (DuckDB)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from data_contracts import schemas
from pipeline.lake import Lake
from pipeline.string_views import without_string_views

_SCHEMAS = {**schemas.FIXED, "labels": schemas.labels(())}
_CONFIG: dict[str, Any] = {
    "memory_limit": "1GB",
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}


class LakeQueries:
    """Read-only queries of a lake as it stands when this is made.

    Only columns and rows that a query needs are read. Queries run in memory, reach no file and no
    address of their own, and take text of users as parameters alone (``?``), never as SQL. A table
    that the lake does not have yet has no rows; `labels` is then without findings.

    Attributes
    ----------
    lake
        The lake.
    versions
        The current version of each table, and of the manifest.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.versions = lake.versions()
        self._tables: dict[str, Any] = {}

    def table(
        self,
        query: str,
        parameters: Sequence[Any] = (),
        beside: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """Return the rows of a query.

        `beside` are Arrow tables and datasets that it may name as well.

        Raises
        ------
        UserError
            The lake cannot be read.
        """
        import duckdb

        # A connection each time, since pages of several people ask at once.
        with duckdb.connect(config=_CONFIG) as connection, self.lake.reached():
            for name in (name for name in _SCHEMAS if name in query):
                connection.register(name, self._table(name))
            for name, rows in (beside or {}).items():
                connection.register(name, rows)
            return connection.sql(query, params=list(parameters)).to_arrow_table()

    def _table(self, name: str) -> Any:
        """Return a table as it stood when this was made, opened once."""
        if name not in self._tables:
            version = self.versions.get(name)
            dataset = None if version is None else self.lake.dataset(name, version)
            self._tables[name] = (
                _SCHEMAS[name].empty_table() if dataset is None else without_string_views(dataset)
            )
        return self._tables[name]

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a query as dictionaries."""
        return self.table(query, parameters).to_pylist()

    def has(self, name: str) -> bool:
        """Return whether the lake has a table, or a release (`manifest`)."""
        return name in self.versions
