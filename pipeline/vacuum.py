"""Make a lake smaller: remove what nothing that is kept needs any more."""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyarrow import fs

from pipeline.delta_log import data_files, files_of_version, tables_on_disk
from pipeline.kept_versions import kept_versions
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifest_images import cache_folder
from pipeline.run_history import finished_runs
from pipeline.scratch import SCRATCH
from pipeline.settings import Settings
from pipeline.stage_summary import StageSummary

# On an object store nothing is locked: what is younger may be another run's work.
_UNLOCKED_AGE = timedelta(days=1)
# The ledger gets a file a run; from so many on they are made one.
_LEDGER_FILES = 100


@dataclass(frozen=True)
class Leftover:
    """Something to remove: a file or folder, in the lake or local, of a kind, with its bytes."""

    kind: str
    path: str
    bytes: int
    local: bool


def vacuum(settings: Settings, *, keep_days: float = 30, dry_run: bool = False) -> StageSummary:
    """Remove data files of versions that are not kept, and what broken-off work left behind.

    `pipeline.kept_versions` says which versions are kept. Besides: releases half written, files of
    models that no run committed, folders of trainings broken off longer than `keep_days` ago or
    finished since, cached pixels that the current table does not name.

    Parameters
    ----------
    settings
        The lake, and where its pixel cache is.
    keep_days
        Versions that runs of the last so many days read or wrote stay.
    dry_run
        Only say what would be removed.

    Raises
    ------
    UserError
        Another run is writing the lake.
    """
    lake = Lake.of(settings)
    with Run(lake, "vacuum", {"keep_days": keep_days}) as run:
        if not dry_run and len(data_files(lake, "runs")) > _LEDGER_FILES:
            run.compact_ledger()
        found = list(_leftovers(lake, settings, keep_days))
        for leftover in found if not dry_run else ():
            _remove(lake, leftover)
        sizes: dict[str, list[int]] = {}
        for leftover in found:
            sizes.setdefault(leftover.kind, []).append(leftover.bytes)
        counts = {kind: len(of_kind) for kind, of_kind in sizes.items()}
        freed = sum(leftover.bytes for leftover in found)
        if found and not dry_run:
            run.note(bytes=freed)
            run.commit(counts)
        verb = "would free" if dry_run else "freed"
        notes = [
            f"{kind}: {len(of_kind):,}, {in_units(sum(of_kind))}" for kind, of_kind in sizes.items()
        ]
        notes.append(f"{verb} {in_units(freed)}" if found else "there is nothing to remove")
        return run.summary({}, notes=tuple(notes))


def in_units(size: int) -> str:
    """Return a size in bytes as kilobytes or megabytes."""
    return f"{size / 1e6:,.1f} MB" if size >= 1_000_000 else f"{size / 1e3:,.1f} kB"


def _leftovers(lake: Lake, settings: Settings, keep_days: float) -> Iterator[Leftover]:
    yield from _data_files(lake, keep_days)
    yield from _unpublished(lake)
    yield from _uncommitted_models(lake)
    yield from _trainings(lake, keep_days)
    yield from _pixels(lake, settings)
    for left in lake.state_folder.glob(f"{SCRATCH}*"):
        yield Leftover("work broken off", str(left), _size(left), local=True)


def _data_files(lake: Lake, keep_days: float) -> Iterator[Leftover]:
    """Yield the data files of tables that no kept version uses."""
    kept = kept_versions(lake, keep_days)
    kept["runs"] = {lake.table("runs").version()} if lake.runs().num_rows else set()
    for name in tables_on_disk(lake):
        used: set[str] = set()
        for version in kept.get(name, ()):
            files = files_of_version(lake, name, version)
            used |= set() if files is None else set(files["path"].to_pylist())
        for file, info in data_files(lake, name).items():
            if file not in used and not _may_be_at_work(lake, info):
                yield Leftover("data files", f"tables/{name}/{file}", info.size, local=False)


def _unpublished(lake: Lake) -> Iterator[Leftover]:
    """Yield files of manifests that no run published."""
    published = {f"{run.outputs.get('manifest', 0):06d}" for run in finished_runs(lake)}
    for path, info in _files_under(lake, "manifests"):
        if path.split("/")[1] not in published and not _may_be_at_work(lake, info):
            yield Leftover("manifests half written", path, info.size, local=False)


def _uncommitted_models(lake: Lake) -> Iterator[Leftover]:
    """Yield files of models that no run committed."""
    known = set(lake.read("models", ["model_id"])["model_id"].to_pylist())
    for path, info in _files_under(lake, "models"):
        if path.split("/")[1] not in known and not _may_be_at_work(lake, info):
            yield Leftover("models half written", path, info.size, local=False)


def _trainings(lake: Lake, keep_days: float) -> Iterator[Leftover]:
    """Yield folders of trainings that were broken off, and are old or finished since."""
    known = set(lake.read("models", ["model_id"])["model_id"].to_pylist())
    before = time.time() - keep_days * 86_400
    for folder in sorted((lake.state_folder / "training").glob("*")):
        last = max((file.stat().st_mtime for file in folder.rglob("*")), default=0.0)
        if last < before or folder.name in known:
            yield Leftover("trainings broken off", str(folder), _size(folder), local=True)


def _pixels(lake: Lake, settings: Settings) -> Iterator[Leftover]:
    """Yield files of the pixel cache that no row of the current table names."""
    rows = lake.read("pixels", ["size", "shard"])
    named = {f"{row['size']}px/{row['shard']}" for row in rows.to_pylist()}
    folder = cache_folder(settings, lake).parent
    for shard in sorted(folder.glob("*px/*")):
        info = fs.LocalFileSystem().get_file_info(str(shard))
        if shard.relative_to(folder).as_posix() not in named and not _may_be_at_work(lake, info):
            yield Leftover("pixel cache files", str(shard), info.size, local=True)


def _files_under(lake: Lake, folder: str) -> Iterator[tuple[str, fs.FileInfo]]:
    filesystem, root = lake.files()
    selector = fs.FileSelector(f"{root}/{folder}", recursive=True, allow_not_found=True)
    with lake.reached():
        infos = filesystem.get_file_info(selector)
    for info in infos:
        if info.is_file:
            yield info.path.removeprefix(f"{root}/"), info


def _may_be_at_work(lake: Lake, info: fs.FileInfo) -> bool:
    """Say whether another run may be writing the file; a local lake is locked against that."""
    return not lake.is_local and info.mtime > datetime.now(UTC) - _UNLOCKED_AGE


def _remove(lake: Lake, leftover: Leftover) -> None:
    if not leftover.local:
        filesystem, root = lake.files()
        with lake.reached():
            filesystem.delete_file(f"{root}/{leftover.path}")
            folder = f"{root}/{leftover.path}".rsplit("/", 1)[0]
            if lake.is_local and not filesystem.get_file_info(fs.FileSelector(folder)):
                filesystem.delete_dir(folder)
    elif Path(leftover.path).is_dir():
        shutil.rmtree(leftover.path)
    else:
        Path(leftover.path).unlink()


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
