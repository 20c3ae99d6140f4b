"""One run of one stage: its writes, and the ledger row that makes them visible at once."""

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.contract_counts import ContractCounts
from pipeline.delta_commit import alone, commit_rows, overtaken, without_retry
from pipeline.lake import Lake
from pipeline.lake_failures import refuse_lost_ledger
from pipeline.lake_lock import locked
from pipeline.layout import LAYOUT
from pipeline.stage_summary import StageSummary
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from filelock import FileLock

# The parameter of a run in the ledger that tells what contracts did to its rows.
CONTRACTS = "contracts"
_CLOCK_MAY_LAG = timedelta(hours=1)
_MOST_SHOWN = 10


class Run:
    """A stage's writes to a lake, all or nothing.

    Use as a context manager. `append`, `delete` and `overwrite` commit to single tables;
    `commit` then appends the row to `runs` that makes them current. A run that ends without
    `commit` leaves the lake as readers saw it, and the next run that writes those tables first
    puts them back to their current version.

    One run at a time writes a lake. A local lake is locked; on an object store, where nothing can
    be, each commit is made only on top of the version that this run saw or made last, so of two
    runs at once the later to commit ends with an error, and readers never see it.
    """

    def __init__(self, lake: Lake, stage: str, parameters: Mapping[str, Any]) -> None:
        self.lake = lake
        self.stage = stage
        self.parameters = dict(parameters)
        self.run_id = uuid.uuid4().hex
        self.started = time.monotonic()
        self.now = datetime.now(UTC)
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self.contracts = ContractCounts()
        self._noted = False
        self._lock: FileLock | None = None
        self._ledger: DeltaTable | None = None
        self._notes: tuple[str, ...] = ()
        self._tables: dict[str, DeltaTable | None] = {}

    def __enter__(self) -> "Run":
        self.lake.files()
        if self.lake.is_local:
            self._lock = locked(self.lake)
        try:
            self._begin()
        except BaseException:
            self._unlock()
            raise
        return self

    def _begin(self) -> None:
        """Look up what is current."""
        if self.lake.layout is None:
            self.lake.mark(LAYOUT)
        self._ledger = self.lake.table_if_any("runs")
        if self._ledger is None and self.lake.is_local:
            refuse_lost_ledger(self.lake.root)
        self.current = self.lake.versions(self._ledger) if self._ledger else {}
        self._notes = _clock_note(self.lake.runs(self._ledger), self.now) if self._ledger else ()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unlock()
        # The next stage may run in this process.
        pa.default_memory_pool().release_unused()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def pin(self, name: str, version: int) -> None:
        """Read a table, which this run must not write, at an older version that a run left.

        Raises
        ------
        UserError
            No run left such a version.
        """
        outputs = self.lake.runs(self._ledger)["outputs"].to_pylist()
        left = sorted({json.loads(text).get(name, -1) for text in outputs} - {-1})
        if version not in left:
            there = f"its versions are {_numbers(left)}" if left else "it has none yet"
            raise UserError(
                f"{self.lake.root}: no run left version {version} of {name}; {there} "
                f"(`radsim history {name}`)"
            )
        self.current[name] = version

    def read(self, name: str, columns: list[str] | None = None, where: Any = None) -> pa.Table:
        """Read a table at the version that was current when the run began, and note it."""
        return self.lake.read(name, columns, where, self._reading(name))

    def scan(
        self, name: str, columns: list[str] | None = None, rows: int = 20_000
    ) -> Iterable[pa.Table]:
        """Yield a table's rows in chunks of at most `rows`, at the version noted by `read`."""
        version = self._reading(name)
        dataset = self.lake.dataset(name, version) if version is not None else None
        if dataset is None:
            return
        batches = iter(
            dataset.to_batches(
                columns=columns, batch_size=rows, batch_readahead=1, fragment_readahead=1
            )
        )
        while True:
            with self.lake.reached(name):
                batch = next(batches, None)
            if batch is None:
                return
            if batch.num_rows:
                yield pa.Table.from_batches([batch])

    def stamped(
        self,
        table: pa.Table,
        source: str | pa.Array | pa.ChunkedArray,
        content_hash: str | pa.Array | pa.ChunkedArray,
    ) -> pa.Table:
        """Return the rows with their provenance columns."""
        rows = table.num_rows
        return (
            table.append_column("run_id", pa.repeat(pa.scalar(self.run_id), rows))
            .append_column("source", _column(source, rows))
            .append_column("content_hash", _column(content_hash, rows))
            .append_column("committed_at", pa.repeat(pa.scalar(self.now, schemas.TIMESTAMP), rows))
        )

    def append(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Add rows to a table."""
        self._write(name, rows, mode="append")

    def overwrite(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Make a table consist of these rows, with their schema."""
        self._write(name, rows, mode="overwrite")

    def delete(self, name: str, keys: pa.Table) -> None:
        """Delete the rows that agree with a row of `keys` on its columns."""
        if keys.num_rows == 0 or not self._has_rows(name):
            return
        table = self._table(name)
        assert table is not None
        same = " AND ".join(f'row."{column}" = key."{column}"' for column in keys.column_names)
        with alone(self.lake, name):
            table.merge(
                keys,
                predicate=same,
                source_alias="key",
                target_alias="row",
                commit_properties=without_retry(),
            ).when_matched_delete().execute()
        self.outputs[name] = table.version()

    def configure(self, name: str, properties: dict[str, str]) -> None:
        """Give a table Delta properties that it does not have yet."""
        table = self._table(name)
        assert table is not None
        if properties.items() <= table.metadata().configuration.items():
            return
        with alone(self.lake):
            table.alter.set_table_properties(
                properties, raise_if_not_exists=False, commit_properties=without_retry()
            )
        self.outputs[name] = table.version()

    def add_columns(self, name: str, columns: Sequence[pa.Field]) -> None:
        """Give a table nullable columns that it does not have yet; they are null in every row."""
        from deltalake import Field, Schema

        table = self._table(name)
        assert table is not None
        there = {field.name for field in table.schema().fields}
        missing = pa.schema([field for field in columns if field.name not in there])
        if not missing.names:
            return
        added: list[Field] = list(Schema.from_arrow(missing).fields)
        with alone(self.lake, name):
            table.alter.add_columns(added, commit_properties=without_retry())
        self.outputs[name] = table.version()

    def publish(self, name: str, version: int) -> None:
        """Note a release (a manifest) that this run wrote."""
        self.outputs[name] = version

    def refuse_if_overtaken(self) -> None:
        """Refuse to go on if another run has committed since this one began.

        Raises
        ------
        UserError
            One has.
        """
        ledger = self.lake.table_if_any("runs")
        before = self._ledger.version() if self._ledger else None
        if (ledger.version() if ledger else None) != before:
            raise overtaken(self.lake)

    def tell(self, line: str) -> None:
        """Add a line to the notes of the run's summary, once."""
        self._notes = tuple(dict.fromkeys((*self._notes, line)))

    def note(self, **told: Any) -> None:
        """Tell the ledger of a change that is no table's, such as releases withdrawn."""
        self.parameters |= told
        self._noted = True

    def rewrite_ledger(self, rows: pa.Table) -> None:
        """Replace the ledger's rows; what they say of versions must stay."""
        self._ledger = commit_rows(self.lake, "runs", self._ledger, rows, mode="overwrite")

    def compact_ledger(self) -> None:
        """Make the ledger's files few; its rows stay."""
        if self._ledger is not None:
            with alone(self.lake):
                self._ledger.optimize.compact(commit_properties=without_retry())

    @property
    def changed(self) -> bool:
        """Whether the run changed anything."""
        return bool(self.outputs) or self._noted

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.started

    def commit(self, counts: Mapping[str, int]) -> None:
        """Make what was written current. A run that wrote nothing commits nothing.

        Raises
        ------
        UserError
            Another run has committed since this one began.
        """
        if not self.changed:
            return
        if told := self.contracts.told():
            self.parameters[CONTRACTS] = told
        row = {
            "run_id": self.run_id,
            "stage": self.stage,
            "parameters": json.dumps(self.parameters, sort_keys=True, default=str),
            "inputs": json.dumps(self.inputs, sort_keys=True),
            "outputs": json.dumps(self.outputs, sort_keys=True),
            "counts": json.dumps(dict(counts), sort_keys=True),
            "seconds": self.seconds,
            "outcome": "committed",
            "radsim_version": installed_version("radsim"),
            "committed_at": datetime.now(UTC),
        }
        ledger = pa.Table.from_pylist([row], schema=schemas.RUNS)
        self._ledger = commit_rows(self.lake, "runs", self._ledger, ledger, mode="append")

    def summary(
        self,
        counts: Mapping[str, int],
        parts: Sequence[str] = (),
        notes: Sequence[str] = (),
        figures: Mapping[str, list[dict[str, Any]]] | None = None,
    ) -> StageSummary:
        """Return what the run tells of itself (see `StageSummary`); call it after `commit`."""
        return StageSummary(
            stage=self.stage,
            run_id=self.run_id if self.changed else "",
            outcome="committed" if self.changed else "unchanged",
            counts=dict(counts),
            parts=tuple(parts),
            inputs=dict(self.inputs),
            outputs=dict(self.outputs),
            seconds=self.seconds,
            notes=(*self._notes, *notes),
            figures=dict(figures or {}),
        )

    def _reading(self, name: str) -> int | None:
        version = self.current.get(name)
        if version is not None:
            self.inputs[name] = version
        return version

    def _write(
        self, name: str, rows: pa.Table | pa.RecordBatchReader, mode: Literal["append", "overwrite"]
    ) -> None:
        if isinstance(rows, pa.Table) and rows.num_rows == 0 and mode == "append":
            return
        declared = schemas.FIXED.get(name)
        if isinstance(rows, pa.Table) and declared is not None:
            rows = rows.select(declared.names).cast(declared)
        table = self._table(name)
        if not self._has_rows(name):
            mode = "overwrite"
        table = self._tables[name] = commit_rows(self.lake, name, table, rows, mode)
        self.outputs[name] = table.version()

    def _has_rows(self, name: str) -> bool:
        """Say whether this run sees rows in a table, others' or its own."""
        return name in self.outputs or name in self.current

    def _table(self, name: str) -> "DeltaTable | None":
        """Return a table as this run left it; first undo what a run that died left in it."""
        if name not in self._tables:
            current = self.current.get(name)
            table = self.lake.table_if_any(name) if current is None else self.lake.table(name)
            if table is not None and current is not None and table.version() != current:
                with alone(self.lake, name):
                    table.restore(current, commit_properties=without_retry())
            self._tables[name] = table
        return self._tables[name]


def _column(value: str | pa.Array | pa.ChunkedArray, rows: int) -> pa.Array | pa.ChunkedArray:
    return pa.repeat(pa.scalar(value), rows) if isinstance(value, str) else value


def _numbers(versions: Sequence[int]) -> str:
    shown = [str(version) for version in versions[-_MOST_SHOWN:]]
    return ", ".join([*(["..."] if len(versions) > _MOST_SHOWN else []), *shown])


def _clock_note(runs: pa.Table, now: datetime) -> tuple[str, ...]:
    """Say that the clock was set back, as a machine without its battery does, if it was."""
    last = pc.max(runs["committed_at"]).as_py()
    if last is None or now >= last - _CLOCK_MAY_LAG:
        return ()
    return (
        f"the clock stands at {now:%Y-%m-%d %H:%M} UTC, before the last run's "
        f"({last:%Y-%m-%d %H:%M}); set it right, for exams later than the clock's tomorrow are "
        "not taken in",
    )
