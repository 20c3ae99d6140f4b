"""Two runs at once, really two processes: one stops with a line or both finish, nothing is lost."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.lake_failures import DamagedTableError

# Holds the lake from inside a run until it is told to go on.
HOLDER = """
import sys
from pipeline.lake import Lake
from pipeline.lake_run import Run

with Run(Lake(sys.argv[1]), "ingest", {}):
    print("holding", flush=True)
    sys.stdin.readline()
"""

# Commits eight runs of a row each, trying again while another run writes.
WRITER = """
import sys, time
from pathlib import Path
import pyarrow as pa
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.user_error import UserError

folder, name, other = Path(sys.argv[1]), *sys.argv[2:]
(folder / name).touch()
while not (folder / other).exists():
    time.sleep(0.001)
done = 0
while done < 8:
    try:
        with Run(Lake(folder / "lake"), "link", {}) as run:
            row = pa.table({"patient_key": [f"{name} {done}"], "split": ["train"]})
            run.append("splits", run.stamped(row, "test", "0" * 64))
            run.commit({})
        done += 1
    except UserError as error:
        assert "another run is writing this lake" in str(error), error
        time.sleep(0.01)
"""


def test_a_run_beside_another_process_stops_with_a_line_and_goes_on_afterwards(
    hospital: Any,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(hospital.lake)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "holding\n"
        for stage in ("ingest", "index"):
            with hospital.fails_with("another run is writing this lake; start again when it has"):
                hospital.run(stage)
        other.communicate("\n", timeout=30)
    hospital.run("ingest", "index")


def test_of_two_processes_that_write_at_once_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    # They begin together: each waits for the other's file.
    both = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), *names])
        for names in (("one", "other"), ("other", "one"))
    ]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    expected = sorted(f"{name} {number}" for name in ("one", "other") for number in range(8))
    lake = Lake(tmp_path / "lake")
    assert sorted(lake.read("splits")["patient_key"].to_pylist()) == expected
    assert lake.runs().num_rows == len(expected)


def test_a_run_that_cannot_begin_leaves_the_lake_to_the_next(hospital: Any) -> None:
    ledger, aside = hospital.lake / "tables" / "runs", hospital.folder / "aside"
    ledger.rename(aside)
    with pytest.raises(DamagedTableError) as kept:
        hospital.run("ingest")
    aside.rename(ledger)
    # Though the failed run is still referred to, as a scheduler does that shows its traceback.
    assert kept.value.__traceback__ is not None
    hospital.run("ingest")
