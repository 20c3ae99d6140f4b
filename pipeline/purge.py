"""Remove from the disk whatever still holds a patient after the tables have let them go."""

import json
import shutil
from collections.abc import Iterable

import pyarrow as pa
from pyarrow import fs

from pipeline.delta_log import data_files, files_of_version, forget_statistics, tables_on_disk
from pipeline.figures.saved_figures import drop_saved
from pipeline.images.pixel_cache import blank_rows
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifest_images import cache_folder
from pipeline.patient_traces import Traces, names_patient, plain_columns
from pipeline.scratch import SCRATCH
from pipeline.settings import Settings
from pipeline.withdrawals import models_of_withdrawn

_FORGOTTEN = "forgotten"
MARK = "withdrawn.json"


def purge(run: Run, settings: Settings, traces: Traces, holding: Iterable[str]) -> tuple[str, ...]:
    """Remove everything that names the patient or shows them; return a line for what it was.

    Parameters
    ----------
    run
        The run that forgets, committed.
    settings
        They say where the pixel cache is.
    traces
        The ids.
    holding
        Files under ``manifests`` that hold the patient.
    """
    lake = run.lake
    images = _blank_pixels(lake, settings, traces)
    indexes = _remove_indexes(lake, traces)
    files = sum(
        _remove_data_files(lake, name, traces) for name in tables_on_disk(lake) if name != "runs"
    )
    _remove(lake, holding)
    _mark_models(lake)
    _scrub_ledger(run, traces)
    state = lake.state_folder
    shutil.rmtree(state / "training", ignore_errors=True)
    drop_saved(lake)
    for left in state.glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    notes = [f"removed {files:,} data files of old versions, blanked {images:,} cached images"]
    if indexes:
        notes.append("removed the gallery index; `radsim embed` builds it again")
    return tuple(notes)


def _blank_pixels(lake: Lake, settings: Settings, traces: Traces) -> int:
    """Set the patient's cached images to zero, and remove shards that no table row names."""
    folder = cache_folder(settings, lake).parent
    named: dict[str, list[int]] = {}
    for part in data_files(lake, "pixels"):
        place = f"tables/pixels/{part}"
        for rows in plain_columns(lake, place, ("image_id", "size", "shard", "row")):
            for row, mine in zip(rows.to_pylist(), traces.rows(rows).to_pylist(), strict=True):
                shard = named.setdefault(f"{row['size']}px/{row['shard']}", [])
                shard += [row["row"]] if mine else []
    blanked = 0
    for place, at in named.items():
        if at and (folder / place).is_file():
            blank_rows(folder / place, sorted(set(at)))
            blanked += len(set(at))
    for file in folder.glob("*px/*"):
        if file.relative_to(folder).as_posix() not in named:
            file.unlink()
    return blanked


def _remove_indexes(lake: Lake, traces: Traces) -> int:
    """Remove the gallery indexes that hold an image of the patient."""
    filesystem, root = lake.files()
    places = [(filesystem, f"{root}/models")]
    if not lake.is_local:
        # Copies that this machine has fetched.
        places.append((fs.LocalFileSystem(), str(lake.state_folder / "models")))
    removed = 0
    for files, folder in places:
        with lake.reached():
            infos = files.get_file_info(
                fs.FileSelector(folder, recursive=True, allow_not_found=True)
            )
            for info in infos:
                if info.base_name != "gallery.json":
                    continue
                with files.open_input_file(info.path) as opened:
                    ids = json.loads(opened.read())["ids"]
                if traces.images.isdisjoint(ids):
                    continue
                # Its names last, so that an interrupted removal is taken up again.
                beside = info.path.removesuffix("gallery.json") + "gallery.faiss"
                for path in (beside, info.path):
                    if files.get_file_info(path).is_file:
                        files.delete_file(path)
                removed += 1
    return removed


def _remove_data_files(lake: Lake, name: str, traces: Traces) -> int:
    """Remove a table's data files that hold the patient; the current version has none of them."""
    version = lake.versions().get(name)
    current = None if version is None else files_of_version(lake, name, version)
    old = data_files(lake, name).keys() - set(
        [] if current is None else current["path"].to_pylist()
    )
    holding = [file for file in old if names_patient(lake, f"tables/{name}/{file}", traces)]
    if holding:
        forget_statistics(lake, name, holding)
        _remove(lake, [f"tables/{name}/{file}" for file in holding])
    return len(holding)


def _mark_models(lake: Lake) -> None:
    """Say beside the weights of a model that a release it was trained on is withdrawn."""
    filesystem, root = lake.files()
    text = "A patient of the manifest that this model was trained on was forgotten since.\n"
    with lake.reached():
        for model_id in models_of_withdrawn(lake):
            folder = f"{root}/models/{model_id}"
            if lake.is_local:
                filesystem.create_dir(folder, recursive=True)
            with filesystem.open_output_stream(f"{folder}/{MARK}") as file:
                file.write(json.dumps({"withdrawn": text.strip()}).encode())


def _scrub_ledger(run: Run, traces: Traces) -> None:
    """Take ids out of the ledger, where a run was asked for certain exams."""
    runs = run.lake.runs()
    texts = runs["parameters"].to_pylist()
    named = [json.dumps(name) for name in sorted(traces.every_id)]
    scrubbed = []
    for text in texts:
        for name in named:
            text = text.replace(name, json.dumps(_FORGOTTEN))
        scrubbed.append(text)
    if scrubbed == texts:
        return
    at = runs.schema.get_field_index("parameters")
    run.rewrite_ledger(runs.set_column(at, runs.schema.field(at), pa.array(scrubbed, pa.string())))
    last = run.lake.table("runs").version()
    kept = files_of_version(run.lake, "runs", last)
    assert kept is not None
    old = data_files(run.lake, "runs").keys() - set(kept["path"].to_pylist())
    forget_statistics(run.lake, "runs", old)
    _remove(run.lake, [f"tables/runs/{file}" for file in old])


def _remove(lake: Lake, files: Iterable[str]) -> None:
    filesystem, root = lake.files()
    with lake.reached():
        for file in files:
            filesystem.delete_file(f"{root}/{file}")
