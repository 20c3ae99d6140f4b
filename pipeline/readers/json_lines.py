"""Reports in JSON Lines: one object a line (`.jsonl`, `.ndjson`, also gzipped)."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.readers.column_mapping import ColumnMapping, ResolvedColumns
from pipeline.readers.delimited_rows import opened_bytes
from pipeline.readers.rejected_rows import RejectedRow
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.report_rules import report_batch
from pipeline.readers.row_chunk import (
    CHARACTERS,
    ENCODING_REASON,
    ROWS,
    chunk_of_rows,
    row_references,
)
from pipeline.readers.source_error import EmptySourceError, SourceError, printable, source_errors

MAX_LINE_BYTES = 16_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Fault = tuple[str, str]

NOT_JSON: Fault = ("line_not_json", "not JSON; write one object a line")
NOT_OBJECT: Fault = ("line_not_object", "JSON, but not an object; write one object a line")
TOO_LONG: Fault = ("report_too_long", f"a line of more than {MAX_LINE_BYTES:,} bytes")
NOT_UTF8: Fault = ("encoding", ENCODING_REASON)


def read_json_lines(
    path: Path, mapping: ColumnMapping, source: str, place: str
) -> Iterator[ReportBatch]:
    """Yield the reports of a UTF-8 JSON Lines file, a few thousand lines at a time.

    A row is a line; a key that a line lacks is blank in it. Ids, times and the like may be whole
    numbers. Rejected beside the rules of `report_rules`: `line_not_json`, `line_not_object`,
    `value_not_text`, `encoding`, `nul_character`. Lines without any character are not rows.

    Raises
    ------
    SourceError
        If the file cannot be read as a whole, or no line of the first few thousand is an object,
        or none of them has a key that is needed.
    """
    columns: ResolvedColumns | None = None
    with source_errors(path), opened_bytes(path) as stream:
        for numbers, objects, faults in _batches(stream):
            if columns is None:
                columns = mapping.resolve(_keys(objects, path), path)
            names = columns.names
            rows, row_numbers = [], []
            for number, found in zip(numbers, objects, strict=True):
                try:
                    rows.append([_text(found, name) for name in names])
                    row_numbers.append(number)
                except TypeError as error:
                    faults.append((number, ("value_not_text", str(error))))
            rejected = [
                RejectedRow(None, f"{place} line {number}", rule, reason)
                for number, (rule, reason) in sorted(faults)
            ]
            references = row_references(place, row_numbers, "line")
            chunk = chunk_of_rows(rows, names, references, columns.exam_id, rejected)
            yield report_batch(chunk, columns, source, path)
    if columns is None:
        raise EmptySourceError(f"{printable(path)}: is empty, it has no rows; check the export")


def _batches(
    stream: io.BufferedReader,
) -> Iterator[tuple[list[int], list[dict], list[tuple[int, Fault]]]]:
    """Yield line numbers and objects of some lines, and the other lines' numbers and faults."""
    numbers: list[int] = []
    objects: list[dict] = []
    faults: list[tuple[int, Fault]] = []
    size = 0
    for number, line in enumerate(_lines(stream), start=1):
        if line.isspace():
            continue
        size += len(line)
        found = _parsed(line)
        if isinstance(found, dict):
            numbers.append(number)
            objects.append(found)
        else:
            faults.append((number, found))
        if len(objects) + len(faults) >= ROWS or size >= CHARACTERS:
            yield numbers, objects, faults
            numbers, objects, faults, size = [], [], [], 0
    if objects or faults:
        yield numbers, objects, faults


def _lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """Yield lines; of a line that is too long only the first `MAX_LINE_BYTES` bytes."""
    first = True
    while line := stream.readline(MAX_LINE_BYTES):
        rest = line
        while len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE_BYTES)
        yield line.removeprefix(BYTE_ORDER_MARK) if first else line
        first = False


def _parsed(line: bytes) -> dict | Fault:
    if len(line) >= MAX_LINE_BYTES - len(BYTE_ORDER_MARK):
        return TOO_LONG
    try:
        found = json.loads(line.decode())
    except UnicodeDecodeError:
        return NOT_UTF8
    except (ValueError, RecursionError):
        return NOT_JSON
    return found if isinstance(found, dict) else NOT_OBJECT


def _text(found: dict, key: str) -> str | None:
    """Return the value of a key as text; `TypeError` if it is neither text nor a whole number."""
    value = found.get(key)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"key '{printable(key)}' holds neither text nor a whole number")


def _keys(objects: list[dict], path: Path) -> list[str]:
    if not objects:
        raise SourceError(
            f"{printable(path)}: no line of it is a JSON object; "
            "JSON Lines has one object a line, not one list or one object a file"
        )
    return list(dict.fromkeys(key for found in objects for key in found))
