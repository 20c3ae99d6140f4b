"""Labels of 745,000 reports on a Dask cluster of two workers, one of them killed half-way.

The reports of `report_corpus` are ingested once. Stage `label` then runs over a copy of the lake on
two processes of this machine, and over another on a cluster: a scheduler and two workers of one
thread each, all processes of their own on 127.0.0.1. When half of the reports are labelled, one of
the workers is killed (SIGKILL) and does not come back. Both lakes must then hold the same mentions
and labels, provenance aside. Memory is the peak of the process that runs the stage, without its
workers: the driver must not hold the data.

    RADSIM_DATA=FOLDER python tests/benchmarks/engine_scale.py [--reports 745000]
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from report_corpus import FULL, ReportCorpus, openi_folder

PATIENCE = 60.0


def settings_of(lake: Path, reports: Path, engine: Mapping[str, object]) -> Any:
    """Return the settings of a lake on an engine."""
    from pipeline.settings_file import load_settings

    columns = {"path": str(reports), "text": ["findings", "impression"]}
    return load_settings(None, {"lake": {"root": str(lake)}, "reports": columns, "engine": engine})


def run_stage(name: str, lake: Path, reports: Path, engine: Mapping[str, object]) -> None:
    """Run a stage, saying how far it is, and at the end its seconds and this process's memory."""
    from pipeline.road import stage

    def progress(done: int, total: int, note: str = "") -> None:
        print(json.dumps({"done": done, "total": total}), flush=True)

    began = time.monotonic()
    summary = stage(name)(settings_of(lake, reports, engine), progress=progress)
    told = {
        "seconds": time.monotonic() - began,
        # Linux gives kilobytes.
        "driver_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "counts": summary.counts,
    }
    print(json.dumps(told), flush=True)


def driven(
    name: str, lake: Path, reports: Path, engine: Mapping[str, object], kill: int = 0
) -> Any:
    """Run a stage in a process of its own; kill the given process when it is half done."""
    words = [sys.executable, __file__, "--stage", name, "--lake", str(lake)]
    words += ["--file", str(reports), "--engine", json.dumps(engine)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told: Any = {}
        for line in process.stdout:
            told = json.loads(line)
            if kill and "done" in told and 2 * told["done"] >= told["total"]:
                print(f"a worker is killed at {told['done']:,} of {told['total']:,}", flush=True)
                os.kill(kill, signal.SIGKILL)
                kill = 0
    assert process.returncode == 0, f"{name} failed"
    assert not kill, "it ended before a worker could be killed"
    return told


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, list["subprocess.Popen[bytes]"]]]:
    """Start a scheduler and two workers; give its address and the workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    dask = str(Path(sys.executable).with_name("dask"))
    port = address.rpartition(":")[2]
    options = ["--host", "127.0.0.1", "--no-dashboard"]
    worker = [dask, "worker", address, *options, "--nthreads", "1", "--no-nanny"]
    worker += ["--local-directory", str(folder)]
    started = []
    with (folder / "cluster.log").open("wb") as log:
        for words in ([dask, "scheduler", *options, "--port", port], worker, worker):
            started.append(subprocess.Popen(words, stdout=log, stderr=log, cwd=folder))
    try:
        _wait_for_two_workers(address)
        yield address, started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def _wait_for_two_workers(address: str) -> None:
    from distributed import Client

    with Client(address, timeout=PATIENCE) as client:
        client.wait_for_workers(2, timeout=PATIENCE)


def same_rows(one: Path, other: Path) -> dict[str, int]:
    """Return the rows of mentions and labels, which must be equal in both lakes."""
    from data_contracts import schemas
    from pipeline.lake import Lake

    aside = {field.name for field in schemas.PROVENANCE}
    rows = {}
    for table, order in (("labels", ["exam_id"]), ("mentions", ["exam_id", "mention_no"])):
        found = []
        for lake in (one, other):
            whole = Lake(lake).read(table)
            bare = [name for name in whole.column_names if name not in aside]
            found.append(whole.select(bare).sort_by([(name, "ascending") for name in order]))
        for column in bare:
            assert found[0][column].equals(found[1][column]), f"{table}.{column} differs"
        rows[table] = found[0].num_rows
    return rows


def measure(reports: int) -> None:
    """Do all of it and print the figures."""
    with tempfile.TemporaryDirectory(prefix="engine-scale-") as name:
        folder = Path(name)
        file, lake = folder / "reports.csv", folder / "local"
        ReportCorpus(openi_folder(), reports).write_csv(file)
        taken = driven("ingest", lake, file, {"workers": 2})
        print(f"ingested {taken['counts']['new']:,} in {taken['seconds']:.0f} s", flush=True)
        shutil.copytree(lake, folder / "cluster")
        here = driven("label", lake, file, {"workers": 2})
        print(f"local    {here['seconds']:.0f} s, driver {here['driver_gb']:.2f} GB", flush=True)
        with cluster(folder) as (address, workers):
            engine = {"kind": "dask", "scheduler": address}
            there = driven("label", folder / "cluster", file, engine, workers[0].pid)
        print(f"cluster  {there['seconds']:.0f} s, driver {there['driver_gb']:.2f} GB", flush=True)
        rows = same_rows(lake, folder / "cluster")
        print(f"equal: {rows['labels']:,} exams, {rows['mentions']:,} mentions", flush=True)


def main() -> None:
    """Measure, or run one stage of the measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reports", type=int, default=FULL)
    for option in ("--stage", "--lake", "--file", "--engine"):
        parser.add_argument(option, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stage:
        run_stage(given.stage, Path(given.lake), Path(given.file), json.loads(given.engine))
    else:
        measure(given.reports)


if __name__ == "__main__":
    main()
