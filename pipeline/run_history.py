"""What ran on a lake, and the versions of its tables."""

import json
from dataclasses import dataclass
from datetime import datetime

import pyarrow.compute as pc

from pipeline.delta_log import data_files, files_of_version
from pipeline.lake import Lake
from pipeline.user_error import UserError


@dataclass(frozen=True)
class FinishedRun:
    """A row of the ledger.

    Attributes
    ----------
    run_id, stage, outcome, radsim_version
        Which run, of what, how it ended, by which RadSim.
    at
        When it was committed.
    parameters, counts
        As the stage told them.
    inputs, outputs
        Table versions read and written (table -> version).
    seconds
        Wall time.
    """

    run_id: str
    stage: str
    outcome: str
    radsim_version: str
    at: datetime
    parameters: dict[str, object]
    counts: dict[str, int]
    inputs: dict[str, int]
    outputs: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class TableVersion:
    """One version of a table that a run left.

    Attributes
    ----------
    version, run
        Its number and the run that wrote it.
    current
        Whether it is the one that readers see.
    rows
        How many it holds, None where its log is gone.
    readable
        Whether all its files are still there.
    """

    version: int
    run: FinishedRun
    current: bool
    rows: int | None
    readable: bool


def finished_runs(
    lake: Lake, stage: str | None = None, last: int | None = None
) -> list[FinishedRun]:
    """Return the runs of the ledger, of one stage if named, oldest first; the `last` ones."""
    rows = lake.runs().sort_by("committed_at").to_pylist()
    runs = [
        FinishedRun(
            run_id=row["run_id"],
            stage=row["stage"],
            outcome=row["outcome"],
            radsim_version=row["radsim_version"],
            at=row["committed_at"],
            parameters=json.loads(row["parameters"]),
            counts=json.loads(row["counts"]),
            inputs=json.loads(row["inputs"]),
            outputs=json.loads(row["outputs"]),
            seconds=row["seconds"],
        )
        for row in rows
        if stage in (None, row["stage"])
    ]
    return runs if last is None else runs[-last:]


def last_told(lake: Lake, stage: str, parameter: str) -> str | None:
    """Return a parameter of the last run of a stage that told it, None where none did."""
    told = [run.parameters.get(parameter) for run in finished_runs(lake, stage)]
    return next((str(value) for value in reversed(told) if value is not None), None)


def table_versions(lake: Lake, name: str, last: int | None = None) -> list[TableVersion]:
    """Return the versions of a table that runs left, oldest first; the `last` ones.

    Raises
    ------
    UserError
        No run has written such a table.
    """
    runs = finished_runs(lake)
    written = [run for run in runs if name in run.outputs]
    if not written or name == "manifest":
        tables = sorted({table for run in runs for table in run.outputs} - {"manifest"})
        raise UserError(
            f"{lake.root} has no table {name!r}; its tables are {', '.join(tables) or 'none yet'}"
            + ("; `radsim manifest` lists the releases" if name == "manifest" else "")
        )
    written.sort(key=lambda run: run.outputs[name])
    current = written[-1].outputs[name]
    there = data_files(lake, name).keys()
    found = []
    for run in written if last is None else written[-last:]:
        version = run.outputs[name]
        files = files_of_version(lake, name, version)
        found.append(
            TableVersion(
                version=version,
                run=run,
                current=version == current,
                rows=None if files is None else pc.sum(files["num_records"]).as_py() or 0,
                readable=files is not None and set(files["path"].to_pylist()) <= there,
            )
        )
    return found
