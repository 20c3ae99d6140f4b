"""The lake: where tables live, which versions are current, and how they are read.

Working tables are Delta tables under ``<root>/tables``; releases are plain Parquet under
``<root>/manifests``; models lie under ``<root>/models``. What is current is what the `runs` ledger
names: a table version that no run names is left over from a run that died, and no reader sees it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from data_contracts import schemas
from pipeline.lake_failures import DamagedTableError, failures_of_files, refuse_empty_log
from pipeline.layout import layout_of, mark_layout, refuse_other_layout
from pipeline.object_store import arrow_file_system, failures_of, refuse_unknown_store
from pipeline.settings import Settings
from pipeline.string_views import without_string_views
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from deltalake import DeltaTable


class Lake:
    """One lake, on a local disk or an object store.

    An object store must be able to put a file only where none is yet (S3: ``If-None-Match``), by
    which two writers of a table are told apart. `storage_options` are deltalake's; what they leave
    open comes from the environment (``AWS_ENDPOINT_URL``, ``AWS_REGION``, keys ...).

    A lake of another layout than this RadSim's is refused when it is first looked into, unless
    `any_layout` (see `pipeline.layout`).

    Raises
    ------
    UserError
        The root is a URL of no supported store.
    """

    def __init__(
        self,
        root: str | Path,
        storage_options: dict[str, str] | None = None,
        *,
        any_layout: bool = False,
    ) -> None:
        self.root = str(root).rstrip("/")
        self.storage_options = storage_options or {}
        self.any_layout = any_layout
        # Table «runs» as it was last read, and which table and version that was.
        self._last_ledger: tuple[tuple[object, int], pa.Table] | None = None
        self.is_local = "://" not in self.root
        if not self.is_local:
            refuse_unknown_store(self.root)

    @classmethod
    def of(cls, settings: Settings, *, any_layout: bool = False) -> "Lake":
        """Return the lake that the settings name."""
        return cls(settings.lake.root, settings.lake.storage_options, any_layout=any_layout)

    def __repr__(self) -> str:
        return f"Lake({self.root!r})"

    @property
    def state_folder(self) -> Path:
        """Return the local folder for locks, caches and the scheduler's database.

        A lake on an object store keeps them in ``.radsim-state`` under the working folder, so each
        machine that works on it has a pixel cache of its own.
        """
        return Path(self.root) / "state" if self.is_local else Path(".radsim-state").absolute()

    def table_uri(self, name: str) -> str:
        """Return where the Delta table of that name lives."""
        return f"{self.root}/tables/{name}"

    def files(self) -> tuple[fs.FileSystem, str]:
        """Return the file system of releases and models, and the root's path in it.

        Raises
        ------
        UserError
            The lake has another layout than this RadSim's.
        """
        if not self.any_layout:
            refuse_other_layout(self.root, self._layout)
        return self._files

    @property
    def layout(self) -> int | None:
        """Return the number of the lake's layout, None where there is no lake yet."""
        filesystem, root = self._files
        with self.reached():
            return layout_of(filesystem, root)

    @cached_property
    def _layout(self) -> int | None:
        return self.layout

    def mark(self, layout: int) -> None:
        """Write down that the lake has this layout."""
        filesystem, root = self._files
        with self.reached():
            if self.is_local:
                filesystem.create_dir(root, recursive=True)
            mark_layout(filesystem, root, layout)

    @cached_property
    def _files(self) -> tuple[fs.FileSystem, str]:
        if self.is_local:
            return fs.LocalFileSystem(), str(Path(self.root).absolute())
        with self.reached():
            return arrow_file_system(self.root, self.storage_options)

    @contextmanager
    def reached(self, table: str | None = None) -> Iterator[None]:
        """Turn failures of disk or object store, and damage to a table read, to a `UserError`."""
        store = nullcontext() if self.is_local else failures_of(self.root)
        with failures_of_files(self.root, table), store:
            yield

    def table(self, name: str, version: int | None = None) -> "DeltaTable":
        """Return the Delta table, at its last version by default, whether a run names it or not.

        Raises
        ------
        deltalake.exceptions.TableNotFoundError
            It does not exist.
        UserError
            The lake has another layout than this RadSim's, or the table's log is damaged.
        """
        from deltalake import DeltaTable

        self.files()
        if self.is_local:
            refuse_empty_log(self.root, name)
        with self.reached(name):
            return DeltaTable(
                self.table_uri(name), version=version, storage_options=self.storage_options
            )

    def table_if_any(self, name: str) -> "DeltaTable | None":
        """Return the Delta table at its last version, None where it does not exist."""
        from deltalake.exceptions import TableNotFoundError

        try:
            return self.table(name)
        except TableNotFoundError:
            return None

    def runs(self, ledger: "DeltaTable | None" = None) -> pa.Table:
        """Return the ledger, a row a finished run (see `data_contracts.schemas.RUNS`)."""
        ledger = ledger or self.table_if_any("runs")
        if ledger is None:
            return schemas.RUNS.empty_table()
        # A stage asks for the current versions dozens of times; the ledger rarely grows meanwhile.
        state: tuple[object, int] = (ledger.metadata().id, ledger.version())
        known = self._last_ledger
        if known is not None and known[0] == state:
            return known[1]
        with self.reached("runs"):
            rows = self._dataset("runs", ledger).to_table().cast(schemas.RUNS)
        self._last_ledger = (state, rows)
        return rows

    def versions(self, ledger: "DeltaTable | None" = None) -> dict[str, int]:
        """Return the current version of each table and of the manifest.

        Versions only grow, so the current one is the greatest that the ledger names. `ledger` is
        table `runs` as it was at some time; now by default.
        """
        current: dict[str, int] = {}
        for outputs in self.runs(ledger)["outputs"].to_pylist():
            for name, version in json.loads(outputs).items():
                current[name] = max(version, current.get(name, -1))
        return current

    def dataset(self, name: str, version: int | None = None) -> ds.Dataset | None:
        """Return a table at its current or the named version, None where it has none."""
        from deltalake.exceptions import TableNotFoundError

        version = self.versions().get(name) if version is None else version
        try:
            return None if version is None else self._dataset(name, self.table(name, version))
        except TableNotFoundError:
            raise DamagedTableError(self.root, name) from None

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
            The Delta version, as `radsim history` lists them; the current one by default.

        Raises
        ------
        UserError
            The table has no such version, or its files were removed by `radsim vacuum` or
            `radsim forget`; or the current version is damaged.
        """
        try:
            return self._read(name, columns, where, version)
        except DamagedTableError:
            if version in (None, self.versions().get(name)):
                raise
            raise UserError(
                f"{self.root}: version {version} of {name} cannot be read: it never was, or "
                f"`radsim vacuum` or `radsim forget` removed it; see `radsim history {name}`"
            ) from None

    def _read(
        self, name: str, columns: list[str] | None, where: Any, version: int | None
    ) -> pa.Table:
        dataset = self.dataset(name, version)
        declared = schemas.FIXED.get(name)
        if dataset is None:
            # Which findings there would be, only the caller knows.
            bare = schemas.labels(())
            found = [column for column in columns or () if column not in bare.names]
            empty = (declared or schemas.labels(found)).empty_table()
            return empty.select(columns) if columns is not None else empty
        with self.reached(name):
            if where is not None:
                dataset = without_string_views(dataset)
            table = dataset.to_table(columns=columns, filter=where)
        if declared is None:
            return table
        wanted = [field for field in declared if field.name in table.column_names]
        return table.select([field.name for field in wanted]).cast(pa.schema(wanted))

    def _dataset(self, name: str, table: "DeltaTable") -> ds.Dataset:
        """Return a Delta table as a pyarrow dataset.

        Its files are read by Arrow's own file system: threads that go through deltalake's, which is
        written in Python, may abort the process when it ends while they read.
        """
        filesystem, root = self.files()
        with self.reached(name):
            return table.to_pyarrow_dataset(
                filesystem=fs.SubTreeFileSystem(f"{root}/tables/{name}", filesystem)
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
