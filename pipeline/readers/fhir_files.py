"""Files of FHIR R4 resources: one resource, a Bundle, or a resource a line (NDJSON)."""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.delimited_rows import opened_bytes
from pipeline.readers.fhir_report import Neighbours, parse_report
from pipeline.readers.parsed_report import Fault, Found, parsed_batches
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.source_error import EmptySourceError, SourceError, printable, source_errors

# A Bundle is held whole, since its resources refer to one another; a line is one resource.
MAX_DOCUMENT_BYTES = 256_000_000
MAX_LINE_BYTES = 16_000_000
REPORT = "DiagnosticReport"

NOT_JSON = Fault("line_not_json", "not a JSON object; export the resource again")
TOO_LONG = Fault("report_too_long", f"a line of more than {MAX_LINE_BYTES:,} bytes")


def read_fhir(path: Path, mapping: ColumnMapping, source: str, place: str) -> Iterator[ReportBatch]:
    """Yield the DiagnosticReports of a file of FHIR R4 resources, also gzipped.

    A file is one JSON document (a DiagnosticReport, or a Bundle of them with the patients and
    imaging studies they refer to), or a resource a line. Resources of other types are no rows. See
    `fhir_report.parse_report` for what is read from where. Rejected beside the rules of
    `parsed_batches`: `line_not_json`, `fhir_invalid`, `not_final`, `encoding`.

    Raises
    ------
    SourceError
        If the file cannot be read or is no JSON, or holds no DiagnosticReport.
    """
    empty = True
    for batch in parsed_batches(_found(path, mapping, place), source):
        empty = False
        yield batch
    if empty:
        raise EmptySourceError(f"{printable(path)}: holds no {REPORT}")


def _found(path: Path, mapping: ColumnMapping, place: str) -> Iterator[Found]:
    with source_errors(path), opened_bytes(path) as stream:
        lines = _lines(stream)
        first = next(lines, b"")
        following = next(lines, b"") if len(first) <= MAX_LINE_BYTES else b""
        if following and _object(first) is not None:
            yield from _of_lines(itertools.chain([first, following], lines), mapping, place)
            return
        document = first + following + stream.read(MAX_DOCUMENT_BYTES)
    if len(document) > MAX_DOCUMENT_BYTES:
        raise SourceError(
            f"{printable(path)}: more than {MAX_DOCUMENT_BYTES:,} bytes in one JSON document; "
            "export a resource a line (NDJSON)"
        )
    found = _object(document)
    if found is None:
        raise SourceError(f"{printable(path)}: is not JSON; export the resources again")
    yield from _of_document(found, mapping, place)


def _lines(stream: Any) -> Iterator[bytes]:
    """Yield lines; of one that is too long its beginning, which shows by its length."""
    while line := stream.readline(MAX_LINE_BYTES + 1):
        yield line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES + 1)


def _of_lines(lines: Iterable[bytes], mapping: ColumnMapping, place: str) -> Iterator[Found]:
    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE_BYTES:
            yield f"{place} line {number}", TOO_LONG
        elif line.strip():
            resource = _object(line)
            if resource is None:
                yield f"{place} line {number}", NOT_JSON
            else:
                yield from _of_document(resource, mapping, f"{place} line {number}")


def _of_document(document: dict[str, Any], mapping: ColumnMapping, place: str) -> Iterator[Found]:
    if document.get("resourceType") != "Bundle":
        if document.get("resourceType") == REPORT:
            yield place, parse_report(document, Neighbours([]), mapping)
        return
    entries = document.get("entry")
    entries = entries if isinstance(entries, list) else []
    resources = [entry for entry in entries if isinstance(entry, dict)]
    neighbours = Neighbours(resources)
    for number, entry in enumerate(resources, start=1):
        resource = entry.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == REPORT:
            yield f"{place} entry {number}", parse_report(resource, neighbours, mapping)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
