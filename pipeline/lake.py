"""The lake: where tables live, which versions are current, and how they are read.

Working tables are Delta tables under ``<root>/tables``; releases are plain Parquet under
``<root>/manifests``; models lie under ``<root>/models``. What is current is what the `runs` ledger
names: a table version that no run names is left over from a run that died, and no reader sees it.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from data_contracts import schemas
from pipeline.settings import Settings
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from deltalake import DeltaTable


class Lake:
    """One lake, on a local disk or an object store."""

    def __init__(self, root: str | Path, storage_options: dict[str, str] | None = None) -> None:
        self.root = str(root).rstrip("/")
        self.storage_options = storage_options or {}
        self.is_local = "://" not in self.root

    @classmethod
    def of(cls, settings: Settings) -> "Lake":
        """Return the lake that the settings name."""
        return cls(settings.lake.root, settings.lake.storage_options)

    def __repr__(self) -> str:
        return f"Lake({self.root!r})"

    @property
    def state_folder(self) -> Path:
        """Return the local folder for locks, caches and the scheduler's database.

        A lake on an object store keeps them under the working folder.
        """
        return Path(self.root) / "state" if self.is_local else Path(".radsim-state").absolute()

    def table_uri(self, name: str) -> str:
        """Return where the Delta table of that name lives."""
        return f"{self.root}/tables/{name}"

    def files(self) -> tuple[fs.FileSystem, str]:
        """Return the file system of releases and models, and the root's path in it."""
        if self.is_local:
            return fs.LocalFileSystem(), str(Path(self.root).absolute())
        filesystem, path = fs.FileSystem.from_uri(self.root)
        return filesystem, path

    def runs(self) -> pa.Table:
        """Return the ledger, a row a finished run (see `data_contracts.schemas.RUNS`)."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            ledger = DeltaTable(self.table_uri("runs"), storage_options=self.storage_options)
        except TableNotFoundError:
            return schemas.RUNS.empty_table()
        return _dataset(ledger, self.table_uri("runs"), self.is_local).to_table().cast(schemas.RUNS)

    def versions(self) -> dict[str, int]:
        """Return the current version of each table and of the manifest.

        Versions only grow, so the current one is the greatest that the ledger names.
        """
        current: dict[str, int] = {}
        for outputs in self.runs()["outputs"].to_pylist():
            for name, version in json.loads(outputs).items():
                current[name] = max(version, current.get(name, -1))
        return current

    def dataset(self, name: str, version: int | None = None) -> ds.Dataset | None:
        """Return a table at its current or the named version, None where it has none."""
        from deltalake import DeltaTable

        version = self.versions().get(name) if version is None else version
        if version is None:
            return None
        table = DeltaTable(
            self.table_uri(name), version=version, storage_options=self.storage_options
        )
        return _dataset(table, self.table_uri(name), self.is_local)

    def read(
        self,
        name: str,
        columns: list[str] | None = None,
        where: Any = None,
        version: int | None = None,
    ) -> pa.Table:
        """Return rows of a table, in its declared types; an absent table has no rows.

        Parameters
        ----------
        name
            A table of `data_contracts.schemas`.
        columns
            The columns wanted; all by default.
        where
            A pyarrow dataset expression that rows must satisfy.
        version
            The Delta version; the current one by default.
        """
        dataset = self.dataset(name, version)
        declared = schemas.FIXED.get(name)
        if dataset is None:
            empty = (declared or schemas.labels(())).empty_table()
            return empty.select(columns) if columns is not None else empty
        table = dataset.to_table(columns=columns, filter=where)
        if declared is None:
            return table
        wanted = [field for field in declared if field.name in table.column_names]
        return table.select([field.name for field in wanted]).cast(pa.schema(wanted))


def _dataset(table: "DeltaTable", uri: str, is_local: bool) -> ds.Dataset:
    """Return a Delta table as a pyarrow dataset.

    Local files are read by Arrow's own file system: threads that go through deltalake's, which is
    written in Python, may abort the process when it ends while they read.
    """
    if not is_local:
        return table.to_pyarrow_dataset()
    return table.to_pyarrow_dataset(
        filesystem=fs.SubTreeFileSystem(str(Path(uri).absolute()), fs.LocalFileSystem())
    )


def require(table: pa.Table, what: str, stage: str) -> pa.Table:
    """Return the table, or say which stage has to run first when it has no rows.

    Raises
    ------
    UserError
        The table is empty.
    """
    if table.num_rows == 0:
        raise UserError(f"the lake has no {what} yet; run `radsim {stage}` first")
    return table
