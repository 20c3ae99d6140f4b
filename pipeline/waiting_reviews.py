"""Reviewers' decisions that wait for the lake, in a file of its state folder.

A nightly run holds a lake for as long as it writes, and a reviewer must not wait for it. So a
decision is first appended to a file, a JSON object a line, written through to the disk; what
writes reviews to the lake takes it from there (see `pipeline.reviewing`).
"""

import json
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock

from data_contracts import schemas
from pipeline.lake import Lake
from pipeline.user_error import UserError

FIELDS = pa.schema([field for field in schemas.REVIEWS if field not in schemas.PROVENANCE])
_KEY = schemas.KEYS["reviews"]


def append_waiting(lake: Lake, decision: dict[str, Any]) -> None:
    """Append a decision (the columns `FIELDS`); it is on the disk when this returns.

    Raises
    ------
    UserError
        The state folder cannot be written.
    """
    told = {**decision, "time": decision["time"].isoformat()}
    file = _file(lake)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        with _lock(lake), open(os.open(file, flags, 0o600), "a+b") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - 1))
            # A line that was cut off by a crash ends here.
            broken = b"\n" if opened.read(1) not in (b"", b"\n") else b""
            opened.write(broken + json.dumps(told).encode() + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise UserError(
            f"{lake.state_folder}: the decision cannot be kept "
            f"({error.strerror or 'the disk refuses'})"
        ) from None


def waiting(lake: Lake) -> pa.Table:
    """Return the decisions that wait, oldest first, with the columns `FIELDS`."""
    return pa.Table.from_pylist([row for _, row in _lines(_file(lake))], schema=FIELDS)


def drop_taken_in(lake: Lake, taken: pa.Table) -> None:
    """Remove the decisions that agree with a row of `taken` on the key of table `reviews`."""
    gone = key_set(taken)
    _keep(lake, lambda row: tuple(row[name] for name in _KEY) not in gone)


def forget_waiting(lake: Lake, exams: Iterable[str]) -> None:
    """Remove the decisions on exams."""
    gone = set(exams)
    _keep(lake, lambda row: row["exam_id"] not in gone)


def key_set(reviews: pa.Table) -> set[tuple[Any, ...]]:
    """Return the keys of rows of table `reviews`."""
    return set(zip(*(reviews[name].to_pylist() for name in _KEY), strict=True))


def _keep(lake: Lake, wanted: Callable[[dict[str, Any]], bool]) -> None:
    file = _file(lake)
    if not file.exists():
        return
    with _lock(lake):
        kept = b"".join(line for line, row in _lines(file) if wanted(row))
        if not kept:
            file.unlink()
            return
        part = file.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
            opened.write(kept)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)


def _lines(file: Path) -> list[tuple[bytes, dict[str, Any]]]:
    """Return each whole line with its decision; one that was cut off was never acknowledged."""
    try:
        lines = file.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            row = json.loads(line)
            found.append((line, {**row, "time": datetime.fromisoformat(row["time"])}))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _file(lake: Lake) -> Path:
    return lake.state_folder / "reviews" / "waiting.jsonl"


def _lock(lake: Lake) -> FileLock:
    return FileLock(_file(lake).with_suffix(".lock"))
