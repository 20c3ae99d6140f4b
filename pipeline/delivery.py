"""One delivery of exams to a table: check, order against what is there, commit, quarantine.

Memory stays bounded: rows that pass the contract wait in a temporary Parquet file while only
their ids, hashes and dates are held, until it is known which version of each exam stands.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import schemas
from pipeline.amendments import CONFLICT, VERSION_COLUMNS, decide_all, versions, versions_frame
from pipeline.contracts import checked
from pipeline.lake_run import Run
from pipeline.quarantine import file_away, rejected_rows, release

ROWS_A_CHECK = 50_000

if TYPE_CHECKING:
    from pipeline.date_shift import DateShift
    from pipeline.passing_labels import PassingLabels


class Delivery:
    """The exams that a source delivers to one table.

    Parameters
    ----------
    run
        The run that writes.
    table
        ``reports`` or ``file_labels``.
    source
        The name of what was read.
    folder
        A scratch folder of this user alone, for rows that wait: they hold report text.
    rows_an_exam
        How many consecutive rows make one exam (one report; one state a class).
    passing
        Labels reports in passing and takes their texts away, where the lake keeps none.
    shift
        Shifts their dates, once they have been held to the contract.
    whole
        The delivery is all that its source holds, not new files beside what it told before.
    """

    def __init__(
        self,
        run: Run,
        table: str,
        source: str,
        folder: Path,
        rows_an_exam: int = 1,
        passing: "PassingLabels | None" = None,
        shift: "DateShift | None" = None,
        whole: bool = True,
    ) -> None:
        self._whole = whole
        self.run = run
        self.table = table
        self.source = source
        self.rows_an_exam = rows_an_exam
        self.passing = passing
        self.shift = shift
        self.exams_in = 0
        self.rejected: list[pa.Table] = []
        self._schema = schemas.FIXED[table]
        kept = [f for f in self._schema if f.name not in ("run_id", "committed_at")]
        self._waiting_schema = pa.schema(kept)
        self._file = folder / f"{table}.parquet"
        self._writer = pq.ParquetWriter(self._file, self._waiting_schema, compression="zstd")
        self._pending: list[pa.Table] = []
        self._slim: list[pa.Table] = []

    def reject(self, rows: pa.Table) -> None:
        """Take rows that the reader could not use: columns key, reference, rule, reason."""
        self.exams_in += rows.num_rows
        if rows.num_rows:
            source = pa.repeat(pa.scalar(self.source), rows.num_rows)
            self.rejected.append(
                rejected_rows(
                    self.table,
                    rows["key"],
                    rows["reference"],
                    rows["rule"],
                    rows["reason"],
                    source,
                )
            )

    def add(self, rows: pa.Table) -> None:
        """Take rows of the table (source and content_hash, no run yet) with their `reference`."""
        self.exams_in += rows.num_rows // self.rows_an_exam
        self._pending.append(rows)
        if sum(table.num_rows for table in self._pending) >= ROWS_A_CHECK:
            self._check()

    def settle(self) -> tuple[dict[str, int], tuple[str, ...]]:
        """Write what is new, amended or retracted, quarantine the rest.

        Returns
        -------
        Exams by what became of them (``in`` and its parts), and a line a reason of quarantine.
        """
        self._check()
        self._writer.close()
        decided, withdrawn = self._decided(versions_frame(self._slim))
        self._commit(decided, withdrawn)
        if self.passing is not None:
            self.rejected += self.passing.settle()
        disputed = decided[decided["outcome"] == "conflict"]
        self.rejected.append(self._conflicts(disputed, disputed["reference"]))
        in_lake = pd.Series("the lake's current version", index=withdrawn.index)
        self.rejected.append(self._conflicts(withdrawn, in_lake))
        _, notes = file_away(self.run, self.rejected)
        outcomes = decided["outcome"].value_counts()
        counts = {
            name: int(outcomes.get(name, 0))
            for name in ("new", "amended", "retracted", "unchanged", "superseded")
        }
        counts["unchanged"] += int(outcomes.get("retold", 0))
        quarantined = self.exams_in - sum(counts.values())
        return {"in": self.exams_in, **counts, "quarantined": quarantined}, notes

    def _check(self) -> None:
        """Hold the pending rows to the contract; what passes waits on disk."""
        if not self._pending:
            return
        rows = pa.concat_tables(self._pending)
        self._pending = []
        stamped = self.run.stamped(
            rows.drop_columns(["source", "content_hash"]), rows["source"], rows["content_hash"]
        )
        # Two versions of one exam do not break the key here: which one stands is decided later.
        rows_of_table = stamped.select(self._schema.names)
        result = checked(self.run, self.table, rows_of_table, without=("key_unique",))
        bad = result.rejected.to_pandas()
        bad["exam"] = bad["row"] // self.rows_an_exam
        bad = bad.drop_duplicates("exam")
        lost = rows.take(pa.array(bad["row"]))
        self.rejected.append(
            rejected_rows(
                self.table,
                lost["exam_id"],
                lost["reference"],
                pa.array(bad["rule"], pa.string()),
                pa.array(bad["reason"], pa.string()),
                lost["source"],
                lost["content_hash"],
            )
        )
        passed = np.ones(rows.num_rows // self.rows_an_exam, dtype=bool)
        passed[bad["exam"].to_numpy()] = False
        kept = rows.filter(pa.array(np.repeat(passed, self.rows_an_exam)))
        if self.shift is not None:
            kept = self.shift.shifted(kept)
        if self.passing is not None:
            kept = self.passing.take(kept)
        self._writer.write_table(kept.select(self._waiting_schema.names).cast(self._waiting_schema))
        self._slim.append(
            versions(kept.take(pa.array(np.arange(0, kept.num_rows, self.rows_an_exam))))
        )

    def _decided(self, delivered: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the delivery with its outcomes, and the current exams a conflict withdraws."""
        columns = [name for name in VERSION_COLUMNS if name in self._schema.names]
        current = versions_frame([versions(self.run.read(self.table, columns))])
        current = current.drop_duplicates("exam_id")
        held = self.run.read(
            "quarantine", ["table", "rule", "key", "content_hash", "source"]
        ).to_pandas()
        held = held[(held["table"] == self.table) & (held["rule"] == "conflict")]
        held = held.rename(columns={"key": "exam_id", "content_hash": "text"})
        decided = decide_all(delivered, current, held[["exam_id", "text", "source"]], self._whole)
        gone = decided.loc[decided["withdraw_current"], "exam_id"]
        return decided, current[current["exam_id"].isin(gone)]

    def _commit(self, decided: pd.DataFrame, withdrawn: pd.DataFrame) -> None:
        """Replace what is amended or retracted, withdraw what is disputed, add what is new."""
        replacing = ["amended", "retracted", "retold"]
        accepted = decided["outcome"].isin(["new", *replacing]).to_numpy()
        replaced = decided.loc[decided["outcome"].isin(replacing), "exam_id"]
        gone = pd.concat([replaced, withdrawn["exam_id"]]).unique()
        self.run.delete(self.table, pa.table({"exam_id": pa.array(gone, pa.string())}))
        if accepted.any():
            retold = decided.loc[decided["outcome"] == "retold", "exam_id"]
            columns = ["exam_id", "run_id", "committed_at"]
            first = self.run.read(
                self.table, columns, pc.field("exam_id").isin(pa.array(retold, pa.string()))
            )
            batches = self._accepted(np.repeat(accepted, self.rows_an_exam), first)
            self.run.append(self.table, pa.RecordBatchReader.from_batches(self._schema, batches))
            release(self.run, self.table, pa.array(decided.loc[accepted, "exam_id"], pa.string()))

    def _accepted(self, keep: np.ndarray, first: pa.Table) -> Iterator[pa.RecordBatch]:
        """Yield the waiting rows where `keep` is true, with the run's provenance.

        What is told again says nothing new and keeps that of when it `first` came (exam_id, run_id,
        committed_at).
        """
        start = 0
        for batch in pq.ParquetFile(self._file).iter_batches(batch_size=10_000):
            chosen = keep[start : start + batch.num_rows]
            start += batch.num_rows
            if chosen.any():
                rows = pa.Table.from_batches([batch]).filter(pa.array(chosen))
                stamped = self.run.stamped(
                    rows.drop_columns(["source", "content_hash"]),
                    rows["source"],
                    rows["content_hash"],
                )
                at = pc.index_in(stamped["exam_id"], value_set=first["exam_id"])
                for name in ("run_id", "committed_at"):
                    value = pc.coalesce(first[name].take(at), stamped[name])
                    stamped = stamped.set_column(stamped.column_names.index(name), name, value)
                yield from stamped.select(self._schema.names).cast(self._schema).to_batches()

    def _conflicts(self, rows: pd.DataFrame, references: pd.Series) -> pa.Table:
        size = len(rows)
        return rejected_rows(
            self.table,
            pa.array(rows["exam_id"], pa.string()),
            pa.array(references, pa.string()),
            pa.repeat(pa.scalar("conflict"), size),
            pa.repeat(pa.scalar(CONFLICT), size),
            pa.array(rows["source"], pa.string()),
            pa.array(rows["text"], pa.string()),
        )
