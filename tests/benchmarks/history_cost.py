"""What forgetting a patient, a vacuum and the list of runs cost on a lake of many reports.

Writes reports with six mentions each, forgets one patient, then runs 300 small nights and vacuums.
Prints seconds a step and the peak memory::

    python tests/benchmarks/history_cost.py --reports 200000
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from data_contracts import schemas
from pipeline.forget import forget
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.run_history import finished_runs, table_versions
from pipeline.settings_file import load_settings
from pipeline.vacuum import vacuum

TEXT = "The heart is normal in size. No pleural effusion or pneumothorax. " * 6
MENTIONS = 6
NIGHTS = 300
REPORTS_A_WRITE = 100_000


def reports(numbers: np.ndarray) -> pa.Table:
    """Return reports, two a patient."""
    size = len(numbers)
    sections = [[{"kind": "body", "text": f"{TEXT}{number}"}] for number in numbers]
    return pa.table(
        {
            "exam_id": [f"EXAM{number:08d}" for number in numbers],
            "patient_id": [f"PATIENT{number // 2:08d}" for number in numbers],
            "exam_time": pa.nulls(size, schemas.TIMESTAMP),
            "site": pa.nulls(size, pa.string()),
            "status": ["final"] * size,
            "sections": pa.array(sections, schemas.SECTIONS),
        }
    )


def mentions(exams: list[str]) -> pa.Table:
    """Return mentions of exams."""
    size = MENTIONS * len(exams)
    bare = [field for field in schemas.MENTIONS if field not in schemas.PROVENANCE]
    columns = {field.name: pa.nulls(size, field.type) for field in bare}
    columns["exam_id"] = pa.array(np.repeat(exams, MENTIONS))
    columns["mention_no"] = pa.array(np.tile(np.arange(MENTIONS, dtype=np.int32), len(exams)))
    for name in ("section_no", "start", "end"):
        columns[name] = pa.array(np.zeros(size, np.int32))
    columns["finding"] = columns["assertion"] = pa.repeat(pa.scalar("absent"), size)
    return pa.table(columns)


def timed(what: str, step: Callable[[], object]) -> None:
    """Run a step and print its seconds."""
    began = time.monotonic()
    step()
    print(f"{what}: {time.monotonic() - began:.2f} s", flush=True)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=200_000)
    number = parser.parse_args().reports
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(f"{folder}/lake")
        settings = load_settings(None, {"lake": {"root": lake.root}})
        with Run(lake, "ingest", {}) as run:
            for start in range(0, number, REPORTS_A_WRITE):
                part = reports(np.arange(start, min(start + REPORTS_A_WRITE, number)))
                run.append("reports", run.stamped(part, "file", "0" * 64))
                found = mentions(part["exam_id"].to_pylist())
                run.append("mentions", run.stamped(found, "file", "0" * 64))
            run.commit({})
        timed(f"forget among {number:,} reports", lambda: forget(settings, ["PATIENT00000007"]))
        for night in range(NIGHTS):
            with Run(lake, "link", {}) as run:
                row = pa.table({"patient_key": [f"night {night}"], "split": ["train"]})
                run.append("splits", run.stamped(row, "file", "0" * 64))
                run.commit({"in": 1})
        timed(f"list of {NIGHTS} runs", lambda: finished_runs(lake))
        timed("history of 20 versions", lambda: table_versions(lake, "splits", 20))
        timed(f"vacuum after {NIGHTS} nights", lambda: vacuum(settings, keep_days=0))
        timed("list of runs after it", lambda: finished_runs(lake))
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
