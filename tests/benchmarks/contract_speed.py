"""Seconds and memory of checking the large tables at 1e4, 1e5 and 1e6 rows.

Run: ``python tests/benchmarks/contract_speed.py [rows ...]``. Every hundredth row breaks a rule,
so the path that lists failing rows is measured too. The import of Great Expectations is timed
apart.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from data_contracts.contract import check

FINDINGS = tuple(f"finding_{number:02d}" for number in range(70))
CLASSES = tuple(f"Class {number:02d}" for number in range(14))
BROKEN_EVERY = 100


def provenance(rows: int) -> dict[str, pa.Array]:
    return {
        "run_id": pa.repeat(pa.scalar("a" * 32), rows),
        "source": pa.repeat(pa.scalar("reports.csv"), rows),
        "content_hash": pa.array([f"{number:064x}" for number in range(rows)]),
        "committed_at": pa.repeat(pa.scalar(datetime.now(UTC), pa.timestamp("us", "UTC")), rows),
    }


def names(prefix: str, rows: int, repeat: int = 1) -> pa.Array:
    return pa.array([f"{prefix}{number // repeat:010d}" for number in range(rows)])


def states(rng: np.random.Generator, rows: int, mentioned: float) -> pa.Array:
    values = rng.choice(np.array([1, 0, -1], dtype=np.int8), rows)
    return pa.array(values, mask=rng.random(rows) > mentioned)


def reports(rows: int) -> pa.Table:
    status = np.where(np.arange(rows) % BROKEN_EVERY == 0, "unknown", "final")
    section = {"kind": "findings", "text": "The heart is normal in size. The lungs are clear. " * 5}
    return pa.table(
        {
            "exam_id": names("exam", rows),
            "patient_id": names("patient", rows, 3),
            "exam_time": pa.repeat(
                pa.scalar(datetime(2020, 1, 1, tzinfo=UTC), pa.timestamp("us", "UTC")), rows
            ),
            "site": pa.nulls(rows, pa.string()),
            "status": pa.array(status, pa.string()),
            "sections": pa.repeat(pa.scalar([section, section]), rows),
            **provenance(rows),
        }
    )


def labels(rows: int) -> pa.Table:
    rng = np.random.default_rng(0)
    columns = {name: states(rng, rows, 0.15) for name in FINDINGS}
    broken = np.where(np.arange(rows) % BROKEN_EVERY == 0, 5, 1).astype(np.int8)
    columns[FINDINGS[3]] = pa.array(broken)
    return pa.table(
        {
            "exam_id": names("exam", rows),
            "labeler": pa.repeat(pa.scalar("rules 1.0"), rows),
            "vocabulary_hash": pa.repeat(pa.scalar("b" * 64), rows),
            **columns,
            **provenance(rows),
        }
    )


def mentions(rows: int) -> pa.Table:
    number = np.arange(rows)
    assertion = np.where(number % BROKEN_EVERY == 0, "maybe", "absent")
    cued = number % 2 == 0
    return pa.table(
        {
            "exam_id": names("exam", rows, 8),
            "mention_no": pa.array(number % 8, pa.int32()),
            "section_no": pa.array(number % 2, pa.int32()),
            "start": pa.array(number % 400, pa.int32()),
            "end": pa.array(number % 400 + 9, pa.int32()),
            "finding": pa.array(np.array(FINDINGS)[number % len(FINDINGS)]),
            "assertion": pa.array(assertion),
            "cue": pa.array(np.full(rows, "no"), mask=~cued),
            "cue_start": pa.array(number % 400, pa.int32(), mask=~cued),
            "cue_end": pa.array(number % 400 + 2, pa.int32(), mask=~cued),
            **{
                name: pa.nulls(rows, pa.string())
                for name in ("laterality", "location", "severity", "change")
            },
            **provenance(rows),
        }
    )


def manifest(rows: int) -> pa.Table:
    rng = np.random.default_rng(0)
    split = np.array(["train", "val", "test"])[np.arange(rows) // 10 % 3]
    source = np.where(np.arange(rows) % BROKEN_EVERY == 0, "guess", "report")
    return pa.table(
        {
            "exam_id": names("exam", rows, 2),
            "image_id": names("image", rows),
            "patient_id": names("patient", rows, 10),
            "split": pa.array(split),
            "view": pa.repeat(pa.scalar("PA"), rows),
            "pixel_digest": pa.array([f"{number:064x}" for number in range(rows)]),
            **{name: states(rng, rows, 1.0) for name in CLASSES},
            "label_source": pa.array(source, pa.string()),
            **provenance(rows),
        }
    )


MAKERS = {
    "reports": (reports, ()),
    "mentions": (mentions, ()),
    "labels": (labels, FINDINGS),
    "manifest": (manifest, CLASSES),
}


def measure(rows: Sequence[int]) -> None:
    start = time.perf_counter()
    import great_expectations

    print(f"import great_expectations {great_expectations.__version__}", end=": ")
    print(f"{time.perf_counter() - start:.1f} s")
    check("splits", pa.Table.from_pylist([SPLIT]))
    print(f"{'table':<10}{'rows':>10}{'columns':>9}{'seconds':>9}{'rejected':>10}{'peak MB':>9}")
    for table, (make, columns) in MAKERS.items():
        for n_rows in rows:
            given = make(n_rows)
            start = time.perf_counter()
            checked = check(table, given, columns)
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(
                f"{table:<10}{n_rows:>10,}{given.num_columns:>9}{seconds:>9.2f}"
                f"{checked.rejected.num_rows:>10,}{peak:>9,}",
                flush=True,
            )


SPLIT = {
    "patient_key": "p",
    "split": "val",
    "run_id": "r",
    "source": "s",
    "content_hash": "h",
    "committed_at": datetime(2024, 1, 1, tzinfo=UTC),
}

if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("rows", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    measure(arguments.parse_args().rows)
