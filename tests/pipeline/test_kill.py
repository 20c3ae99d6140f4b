"""Killed at any moment, the next run continues, and the tables are those of undisturbed runs."""

import csv
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label

TEXTS = (
    "Large right pleural effusion. Heart size is normal.",
    "No pneumothorax. Possible left lower lobe pneumonia.",
    "The lungs are clear. No pleural effusion.",
)
REPORTS = 300
WRITES = ("append", "overwrite", "delete", "commit")


class Killed(BaseException):
    """Death in the middle of a run: nothing in the project may catch it."""


def deliver(folder: Path, shift: int = 0) -> None:
    """Write reports; those of every tenth exam change with `shift`, two rows are always bad."""
    rows = []
    for number in range(REPORTS):
        text = TEXTS[(number + (shift if number % 10 == 0 else 0)) % len(TEXTS)]
        rows.append((f"E{number:03d}", text))
    rows += [("E900", ""), (f"E90{1 + shift}", " "), ("E000" if shift else "E910", "")]
    with (folder / "reports.csv").open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("exam_id", "text"), *rows])


def settings(folder: Path) -> Settings:
    given = {
        "lake": {"root": str(folder / "lake")},
        "reports": {"path": folder / "reports.csv"},
        "engine": {"workers": 1},
    }
    return load_settings(None, given)


def run(folder: Path) -> None:
    ingest(settings(folder))
    label(settings(folder))


def tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table without which run wrote them and when."""
    lake = Lake(folder / "lake")
    found = {}
    for name in lake.versions():
        rows = lake.read(name).drop_columns(["run_id", "committed_at"]).to_pylist()
        found[name] = sorted(rows, key=str)
    return found


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a lake of a first delivery, and a second one to take in."""
    folder = tmp_path_factory.mktemp("before")
    deliver(folder)
    run(folder)
    deliver(folder, shift=1)
    return folder


@pytest.fixture(scope="module")
def undisturbed(before: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the tables after the second delivery was taken in without a fault."""
    folder = tmp_path_factory.mktemp("undisturbed") / "site"
    shutil.copytree(before, folder)
    run(folder)
    return tables(folder)


def dying(after: int) -> tuple[Callable[[pytest.MonkeyPatch], None], list[str]]:
    """Return what makes the process die right after its so-manieth write, and the writes done."""
    done: list[str] = []

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        for name in WRITES:
            monkeypatch.setattr(Run, name, counted(name, getattr(Run, name)))

    def counted(name: str, write: Callable[..., None]) -> Callable[..., None]:
        def writing(self: Run, *arguments: Any) -> None:
            write(self, *arguments)
            done.append(name)
            if len(done) == after:
                raise Killed

        return writing

    return patch, done


# In ingest before its ledger row; in label after the deletions, and before its ledger row.
@pytest.mark.parametrize("after", [4, 7, 9])
def test_after_any_write_the_next_run_completes(
    tmp_path: Path, before: Path, undisturbed: dict[str, Any], after: int
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(before, folder)
    seen = tables(folder)
    patch, done = dying(after)
    with pytest.MonkeyPatch.context() as monkeypatch:
        patch(monkeypatch)
        with pytest.raises(Killed):
            run(folder)
    assert len(done) == after
    if "commit" not in done:
        assert tables(folder) == seen
    run(folder)
    assert tables(folder) == undisturbed


# What a child runs: it kills itself, without any clean-up, right after its n-th Delta commit.
CHILD = """
import os, signal, sys
from pathlib import Path
from pipeline import lake_run
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label

folder, left = Path(sys.argv[1]), int(sys.argv[2])
commit_rows = lake_run.commit_rows

def counted(*arguments, **more):
    global left
    table = commit_rows(*arguments, **more)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return table

lake_run.commit_rows = counted
told = load_settings(
    None,
    {
        "lake": {"root": str(folder / "lake")},
        "reports": {"path": folder / "reports.csv"},
        "engine": {"workers": 1},
    },
)
ingest(told)
label(told)
"""


def test_after_a_kill_in_labelling_no_lock_is_left_and_half_a_run_is_not_seen(
    tmp_path: Path, before: Path
) -> None:
    deliver(tmp_path)
    # In ingest: reports, quarantine, ledger; in label: mentions, then it dies.
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path), "4"], timeout=60)
    assert child.returncode == -signal.SIGKILL
    assert (tmp_path / "lake" / "tables" / "mentions").is_dir()
    assert set(tables(tmp_path)) == {"reports", "quarantine"}
    run(tmp_path)
    assert tables(tmp_path) == tables(before)
    assert len(tables(tmp_path)["labels"]) == REPORTS


def test_after_a_death_in_the_first_run_the_next_one_starts_clean(
    tmp_path: Path, before: Path
) -> None:
    deliver(tmp_path)
    patch, _ = dying(after=1)
    with pytest.MonkeyPatch.context() as monkeypatch:
        patch(monkeypatch)
        with pytest.raises(Killed):
            run(tmp_path)
    assert tables(tmp_path) == {}
    ingest(settings(tmp_path))
    assert tables(tmp_path)["reports"] == tables(before)["reports"]
