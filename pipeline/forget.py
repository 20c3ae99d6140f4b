"""Forget a patient: out of every table, old version, release, index and cache of a lake."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.delta_log import data_files, tables_on_disk
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifests import releases
from pipeline.patient_traces import (
    EXAM,
    KEY_COLUMNS,
    Traces,
    manifest_files,
    names_patient,
    traces_of,
)
from pipeline.pseudonyms import Pseudonymiser
from pipeline.purge import purge
from pipeline.settings import Settings
from pipeline.stage_summary import StageSummary
from pipeline.user_error import UserError
from pipeline.waiting_reviews import forget_waiting
from pipeline.withdrawals import WITHDRAWN, models_of_withdrawn

_JOURNAL = "forgetting.json"


def traces_in_lake(settings: Settings, names: Sequence[str]) -> Traces:
    """Return the ids under which the lake knows a patient; nothing is changed.

    Parameters
    ----------
    settings
        With the site's pseudonym key, if the lake is pseudonymised.
    names
        The patient's ids as the sources write them, or as the lake keeps them; ``exam:ID`` for an
        exam whose patient the lake does not know: no patient came with it, or it never got further
        than quarantine, which notes exams alone.

    Raises
    ------
    UserError
        The lake knows no such patient.
    """
    lake = Lake.of(settings)
    traces = traces_of(lake, _kept_names(settings, names)) | _interrupted(lake)
    if not (traces.images or _is_known(lake, traces)):
        raise UserError(
            f"{lake.root}: no table, old version or manifest holds that patient; give the id as "
            "the source writes it, with the lake's pseudonym key in the settings"
        )
    return traces


def forget(settings: Settings, names: Sequence[str]) -> StageSummary:
    """Remove a patient from the whole lake, and withdraw the releases that hold them.

    Rows are deleted in every table and the run is committed, so that no reader sees the patient
    any more; then everything that still holds them is removed from the disk: data files of old
    versions and of runs that died, what Delta's logs say of those, the files of withdrawn
    releases, pixels, gallery indexes, broken-off trainings. If that is interrupted, the same
    command goes on. Versions of tables that held the patient cannot be read any more.

    Sources outside the lake are not touched. Models that were trained on a withdrawn release stay
    and are marked.

    Raises
    ------
    UserError
        The lake knows no such patient, or another run is writing.
    """
    lake = Lake.of(settings)
    with Run(lake, "forget", {}) as run:
        traces = traces_in_lake(settings, names)
        _write_journal(lake, traces)
        counts = {"exams": len(traces.exams), "images": len(traces.images)}
        counts["rows"] = sum(_delete(run, name, traces) for name in _tables(run.current))
        released = {release.version for release in releases(lake)}
        holding = [file for file in manifest_files(lake) if names_patient(lake, file, traces)]
        gone = sorted(released & {int(file.split("/")[1]) for file in holding})
        if gone:
            run.note(**{WITHDRAWN: gone})
        counts["manifests withdrawn"] = len(gone)
        run.commit(counts)
        forget_waiting(lake, traces.exams)
        freed = purge(run, settings, traces, holding)
        Pseudonymiser.of(settings).forget(traces.exams | traces.patients)
        _journal(lake).unlink(missing_ok=True)
        return run.summary(counts, notes=_notes(lake, gone, freed))


def _kept_names(settings: Settings, names: Sequence[str]) -> set[str]:
    """Return the patient's keys as the lake may keep them."""
    pseudonymiser = Pseudonymiser.of(settings)
    exams = {name.removeprefix(EXAM) for name in names if name.startswith(EXAM)}
    kept = {name for name in names if not name.startswith(EXAM)}
    kept |= {pseudonymiser.one(name) for name in kept}
    exams |= {pseudonymiser.one(exam) for exam in exams}
    return kept | {EXAM + exam for exam in exams}


def _is_known(lake: Lake, traces: Traces) -> bool:
    """Say whether a file of a table or a release names the patient."""
    files = [
        f"tables/{name}/{file}" for name in tables_on_disk(lake) for file in data_files(lake, name)
    ]
    return any(names_patient(lake, file, traces) for file in (*files, *manifest_files(lake)))


def _tables(current: Mapping[str, int]) -> list[str]:
    return sorted(name for name in current if name != "manifest")


def _delete(run: Run, name: str, traces: Traces) -> int:
    """Delete the patient's rows of a table; return how many there were."""
    dataset = run.lake.dataset(name, run.current[name])
    assert dataset is not None
    columns = [column for column in KEY_COLUMNS if column in dataset.schema.names]
    with run.lake.reached():
        rows = dataset.to_table(columns=columns)
    count = pc.sum(traces.rows(rows)).as_py() or 0
    if count:
        for column in columns:
            ids = pa.array(sorted(traces.of_column(column)), pa.string())
            run.delete(name, pa.table({column: ids}))
    return count


def _journal(lake: Lake) -> Path:
    return lake.state_folder / _JOURNAL


def _write_journal(lake: Lake, traces: Traces) -> None:
    """Note the ids for a run that has to go on, in a file for this user alone.

    Once the first files are gone, the lake could not tell any more what belonged together.
    """
    told = {name: sorted(ids) for name, ids in vars(traces).items()}
    file = _journal(lake)
    partial = file.with_suffix(".partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(told, opened)
    partial.replace(file)


def _interrupted(lake: Lake) -> Traces:
    """Return what an interrupted run was forgetting."""
    try:
        told = json.loads(_journal(lake).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Traces()
    return Traces(**{name: set(ids) for name, ids in told.items()})


def _notes(lake: Lake, gone: list[int], freed: tuple[str, ...]) -> tuple[str, ...]:
    notes = [*freed]
    if gone:
        numbers = ", ".join(str(number) for number in gone)
        notes.append(f"withdrawn: manifest {numbers}; `radsim run` publishes a new one")
    marked = models_of_withdrawn(lake)
    if marked:
        notes.append(
            f"trained on a withdrawn manifest, and marked so: {', '.join(marked)}; train again"
        )
    notes.append(
        "the sources are not touched: take the patient out of them, or the next ingest reads "
        "them again"
    )
    return tuple(notes)
