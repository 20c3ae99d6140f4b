"""Seconds and memory from a CSV file of reports to a published manifest, by stage and size.

The stages are the commands' own functions on a fresh lake: ingest (read, contract, order, commit),
label (mentions and labels, contract, commit) and link (join with images, contract, manifest). A
manifest holds images, so between label and link one row an exam is put into the lake's table of
images, as `index` would write it; that is not timed, nor is writing the CSV file (`report_corpus`).
Each size runs in a process of its own that starts with nothing imported, on two cores; memory is
the sum over its process tree, sampled ten times a second (PSS: shared pages count once).

    RADSIM_DATA=FOLDER python tests/benchmarks/road_speed.py [reports ...]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from report_corpus import FULL, ReportCorpus, openi_folder

CORES = 2
SAMPLE_SECONDS = 0.1


def write_images(lake: Path) -> None:
    """Put one usable image an exam into the lake, as index would."""
    from data_contracts import schemas
    from pipeline.lake import Lake
    from pipeline.lake_run import Run

    with Run(Lake(lake), "index", {}) as run:
        exams = run.read("reports", ["exam_id", "patient_id"])
        size = exams.num_rows
        digits = pc.utf8_slice_codeunits(exams["exam_id"], 1)
        digest = pc.utf8_lpad(digits, 64, "0")
        columns = {
            "image_id": pc.binary_join_element_wise(exams["exam_id"], "1", "-"),
            "exam_id": exams["exam_id"],
            "patient_id": exams["patient_id"],
            "path": pc.binary_join_element_wise(exams["exam_id"], "png", "."),
            "format": pa.repeat("png", size),
            "view": pa.repeat("PA", size),
            "rows": pa.repeat(pa.scalar(256, pa.int32()), size),
            "columns": pa.repeat(pa.scalar(256, pa.int32()), size),
            "photometric": pa.nulls(size, pa.string()),
            "pixel_digest": digest,
            "usable": pa.repeat(True, size),
            "reason": pa.nulls(size, pa.string()),
        }
        stamped = run.stamped(pa.table(columns), "road_speed", digest)
        run.append("images", stamped.select(schemas.IMAGES.names))
        run.commit({"in": size})


def walk(reports: Path, lake: Path) -> None:
    """Run the stages and print their seconds and counts as JSON."""
    began = time.monotonic()
    from pipeline.road import stage
    from pipeline.settings import LakeSettings, ReportSettings, Settings

    settings = Settings(
        lake=LakeSettings(root=str(lake)),
        reports=ReportSettings(path=reports, text=["findings", "impression"]),
    )
    told: dict[str, dict] = {}
    for name in ("ingest", "label", "link"):
        if name == "link":
            write_images(lake)
            began = time.monotonic()
        summary = stage(name)(settings)
        told[name] = {"seconds": time.monotonic() - began, "counts": dict(summary.counts)}
        began = time.monotonic()
    print(json.dumps(told))


def tree_memory(root: int) -> int:
    """Return the bytes of a process and all under it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def measure(reports: int, folder: Path) -> None:
    """Run the road over that many reports and print what it cost."""
    source, lake = folder / "reports.csv", folder / "lake"
    ReportCorpus(openi_folder(), reports).write_csv(source)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, __file__, "--walk", str(source), str(lake)], stdout=subprocess.PIPE
    )
    peaks: list[tuple[float, int]] = []

    def watch() -> None:
        while process.poll() is None:
            peaks.append((time.monotonic() - began, tree_memory(process.pid)))
            time.sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"the road ended with {process.returncode}")
    told = json.loads(output)
    when, peak = max(peaks, key=lambda sample: sample[1])
    total = sum(stage["seconds"] for stage in told.values())
    stages = ", ".join(
        f"{name} {stage['seconds']:.1f} s ({reports / stage['seconds']:,.0f}/s)"
        for name, stage in told.items()
    )
    print(
        f"{reports:>9,} reports: {total:6.1f} s, {reports / total:,.0f} reports/s; {stages}; "
        f"peak {peak / 1e9:.2f} GB at {when:.0f} s",
        flush=True,
    )
    assert told["ingest"]["counts"]["new"] == reports, told
    assert told["label"]["counts"]["labelled"] == reports, told
    assert told["link"]["counts"]["linked"] == reports, told


def main() -> None:
    """Measure each size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", type=int, nargs="*", default=[10_000, 100_000, FULL])
    parser.add_argument("--walk", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.walk:
        walk(*options.walk)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:CORES]))
    for size in options.reports:
        with tempfile.TemporaryDirectory() as folder:
            measure(size, Path(folder))


if __name__ == "__main__":
    main()
