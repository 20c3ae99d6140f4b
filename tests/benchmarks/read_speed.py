"""Rows a second (of the clock, of the processor) and peak memory of reading, by format and size.

Run: ``python tests/benchmarks/read_speed.py [rows ...]`` (default 100000 500000). Each reading runs
in a process of its own; the memory of a process that has only imported the readers is given first.
A report has about 350 characters in three sections, one of which spans two lines.
"""

import argparse
import csv
import gzip
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.readers import ColumnMapping, read_label_file, read_reports

COLUMNS = ("exam_id", "patient_id", "exam_time", "indication", "findings", "impression")
MAPPING = ColumnMapping(text=COLUMNS[3:])
CLASSES = tuple(f"Class {number:02d}" for number in range(14))
SENTENCE = (
    "the heart is normal in size no focal airspace disease pleural effusion or pneumothorax "
    "mild bibasilar atelectasis stable, right-sided catheter tip in the superior vena cava"
)
ROWS_A_GROUP = 50_000
PROCESSES = multiprocessing.get_context("spawn")


def reports(n_rows: int) -> Iterator[tuple[str, ...]]:
    draw = random.Random(1)
    words = SENTENCE.split()
    sentences = [" ".join(draw.choices(words, k=9)).capitalize() + "." for _ in range(500)]
    for number in range(n_rows):
        one, two, three, four, five = draw.choices(sentences, k=5)
        yield (
            f"E{number:08d}",
            f"P{number // 3:08d}",
            f"2020-{number % 12 + 1:02d}-{number % 28 + 1:02d} 10:{number % 60:02d}",
            one,
            f"{two} {three}\n{four}",
            five,
        )


def write_csv(path: Path, n_rows: int) -> None:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="") as stream:
        csv.writer(stream).writerow(COLUMNS)
        csv.writer(stream).writerows(reports(n_rows))


def write_jsonl(path: Path, n_rows: int) -> None:
    with path.open("w") as stream:
        for report in reports(n_rows):
            stream.write(json.dumps(dict(zip(COLUMNS, report, strict=True))) + "\n")


def write_parquet(path: Path, n_rows: int) -> None:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    with pq.ParquetWriter(path, schema) as writer:
        rows = reports(n_rows)
        for start in range(0, n_rows, ROWS_A_GROUP):
            group = [next(rows) for _ in range(min(ROWS_A_GROUP, n_rows - start))]
            columns = [pa.array(column) for column in zip(*group, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def write_labels(path: Path, n_rows: int) -> None:
    draw = random.Random(1)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["exam_id", *CLASSES])
        for number in range(n_rows):
            writer.writerow([f"E{number:08d}", *draw.choices(["", "1.0", "0.0", "-1.0"], k=14)])


WRITERS = {
    "reports.csv": write_csv,
    "reports.csv.gz": write_csv,
    "reports.jsonl": write_jsonl,
    "reports.parquet": write_parquet,
    "labels.csv": write_labels,
}


def read(path: Path | None, result: multiprocessing.SimpleQueue) -> None:
    start, start_of_work = time.perf_counter(), time.process_time()
    n_rows = 0
    if path is None:
        pass
    elif path.name.startswith("labels"):
        for labelled in read_label_file(path, "plain", scheme="bench", classes=CLASSES):
            n_rows += labelled.labels.num_rows // len(CLASSES)
    else:
        for batch in read_reports(path, MAPPING):
            n_rows += batch.reports.num_rows
    seconds = time.perf_counter() - start
    work = time.process_time() - start_of_work
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    result.put((n_rows, seconds, work, peak))


def measured(path: Path | None) -> tuple[int, float, float, float]:
    result = PROCESSES.SimpleQueue()
    process = PROCESSES.Process(target=read, args=(path, result))
    process.start()
    figures = result.get()
    process.join()
    return figures


def written(path: Path, n_rows: int) -> None:
    """Write in a process of its own: a process inherits the peak memory of its parent."""
    process = PROCESSES.Process(target=WRITERS[path.name], args=(path, n_rows))
    process.start()
    process.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=int, nargs="*", default=[100_000, 500_000])
    sizes = parser.parse_args().rows
    print(f"imported only: {measured(None)[-1]:.0f} MB")
    print(f"{'file':16} {'rows':>9} {'file MB':>8} {'rows/s':>9} {'rows/cpu s':>11} {'peak MB':>8}")
    for name in WRITERS:
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / name
                written(path, size)
                n_rows, seconds, work, peak = measured(path)
                assert n_rows == size
                file_size = path.stat().st_size / 1e6
            speeds = f"{size / seconds:9,.0f} {size / work:11,.0f}"
            print(f"{name:16} {size:9,} {file_size:8.0f} {speeds} {peak:8.0f}")


if __name__ == "__main__":
    main()
