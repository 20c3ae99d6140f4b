"""Reports of any format: which format a path has, and its reader."""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.delimited import read_delimited
from pipeline.readers.delimited_rows import opened_bytes
from pipeline.readers.fhir_files import read_fhir
from pipeline.readers.hl7_files import read_hl7
from pipeline.readers.json_lines import read_json_lines
from pipeline.readers.mimic_reports import read_mimic
from pipeline.readers.openi_xml import read_openi
from pipeline.readers.parquet import read_parquet
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.source_error import EmptySourceError, SourceError, printable, source_errors

# The endings of each format; `.gz` may follow those of text.
ENDINGS = {
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "jsonl": (".jsonl", ".ndjson"),
    "hl7": (".hl7",),
    "fhir": (".json",),
    "mimic": (),
    "openi": (".tgz", ".tar.gz", ".tar", ".xml"),
}
REPORT_FORMATS = tuple(ENDINGS)
DELIMITERS = {"csv": ",", "tsv": "\t"}

# Trees and archives that are read as a whole.
COLLECTIONS = ("openi", "mimic")
# Those that may be gzipped.
TEXT_FORMATS = ("csv", "tsv", "jsonl", "hl7", "fhir")

SNIFFED_BYTES = 64 * 1024
TAR_MAGIC = slice(257, 262)
HL7_START = re.compile(rb"[\x0b\s]*(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")


def read_reports(
    path: str | Path, mapping: ColumnMapping, format: str = "auto"
) -> Iterator[ReportBatch]:
    """Yield the reports of a file, archive or folder in batches of a few thousand rows.

    Memory does not grow with the source. A row that cannot be used is in the batch's `rejected`
    with the rule it breaks and the reason; the others go on.

    Parameters
    ----------
    path
        A file, or a folder whose files of one format are read in the order of their names.
    mapping
        Which columns mean what; OpenI XML needs none.
    format
        One of `REPORT_FORMATS`, or auto: by the ending, else by the content.

    Raises
    ------
    SourceError
        If there is no such path or its format cannot be told (at once), or if a file cannot be
        read as a whole, lacks a column, or there are no rows (while reading).
    """
    path = Path(path)
    with source_errors(path):
        path.stat()
    if format == "auto":
        format = report_format(path)
    elif format not in REPORT_FORMATS:
        raise SourceError(
            f"{printable(path)}: no report format '{printable(format)}'; "
            f"use auto or one of {', '.join(REPORT_FORMATS)}"
        )
    if format == "openi":
        return read_openi(path, printable(path.resolve().name))
    if format == "mimic":
        return read_mimic(path, printable(path.resolve().name))
    if path.is_dir():
        return _read_folder(path, mapping, format)
    name = printable(path.name)
    return read_file(path, mapping, format, name, name)


def report_format(path: Path) -> str:
    """Return the format of a file or folder, one of `REPORT_FORMATS`.

    Raises
    ------
    SourceError
        If it cannot be told, or a folder holds files of several formats.
    """
    if path.is_dir():
        files = folder_files(path)
        formats = {found for file in files if (found := format_by_ending(file.name))}
        lines = next((file for file in files if format_by_ending(file.name) == "jsonl"), None)
        if lines is not None and _is_bulk_fhir(lines):
            formats = formats - {"jsonl"} | {"fhir"}
        if not formats and next(path.rglob("*.xml"), None):
            formats = {"openi"}
        if not formats and next(path.rglob("p*/s*.txt"), None):
            formats = {"mimic"}
        return only_format(formats, printable(path))
    format = format_by_ending(path.name)
    if format == "jsonl" and _is_bulk_fhir(path):
        return "fhir"
    return format or _by_content(path)


def only_format(formats: set[str], place: str) -> str:
    """Return the one format of the files of a place.

    Raises
    ------
    SourceError
        They are of none, or of several.
    """
    if len(formats) == 1:
        return next(iter(formats))
    found = f"files of several formats ({', '.join(sorted(formats))})" if formats else "no file"
    raise SourceError(
        f"{place}: holds {found} of {', '.join(REPORT_FORMATS)}; "
        "name the format with --format or reports.format"
    )


def may_be_of(name: str, format: str) -> bool:
    """Whether a file of that name in a folder is read as of that format."""
    # FHIR's bulk exports end as JSON Lines do.
    return format_by_ending(name) in ({format, "jsonl"} if format == "fhir" else {format})


def folder_files(folder: Path, format: str | None = None) -> list[Path]:
    """Return the files of a folder by name; hidden ones and markers such as _SUCCESS are none.

    With a format, those whose ending is of it; no file is opened.
    """
    with source_errors(folder):
        return sorted(
            file
            for file in folder.iterdir()
            if file.is_file()
            and not file.name.startswith((".", "_"))
            and (format is None or may_be_of(file.name, format))
        )


def format_by_ending(name: str) -> str | None:
    """Return the format that a file's name promises, None where it promises none."""
    name = name.lower()
    for format, endings in ENDINGS.items():
        bare = name.removesuffix(".gz") if format in TEXT_FORMATS else name
        if name.endswith(endings) or bare.endswith(endings):
            return format
    return None


def _is_bulk_fhir(path: Path) -> bool:
    """Whether a file of JSON Lines holds FHIR resources; of a damaged one its reader tells."""
    try:
        with source_errors(path), opened_bytes(path) as stream:
            return b'"resourceType"' in stream.readline(SNIFFED_BYTES)
    except SourceError:
        return False


def _by_content(path: Path) -> str:
    with source_errors(path), opened_bytes(path) as stream:
        start = stream.read(SNIFFED_BYTES)
    if not start:
        raise EmptySourceError(f"{printable(path)}: is empty, it has no rows; check the export")
    if start.startswith(b"PAR1"):
        return "parquet"
    if HL7_START.match(start):
        return "hl7"
    if start[TAR_MAGIC] == b"ustar":
        return "openi"
    first_line = start.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    if first_line.startswith(b"{"):
        return "fhir" if b'"resourceType"' in start else "jsonl"
    if first_line.startswith(b"<"):
        raise SourceError(f"{printable(path)}: is XML; OpenI reports end in .xml, .tgz or .tar")
    if b"\0" not in start and b"\t" in first_line:
        return "tsv"
    if b"\0" not in start and b"," in first_line:
        return "csv"
    what = "a ZIP archive or Excel workbook" if start.startswith(b"PK") else "of no known format"
    raise SourceError(
        f"{printable(path)}: is {what}; save it as one of {', '.join(REPORT_FORMATS)}, "
        "or name the format with --format or reports.format"
    )


def _read_folder(folder: Path, mapping: ColumnMapping, format: str) -> Iterator[ReportBatch]:
    source = printable(folder.resolve().name)
    empty = True
    for file in folder_files(folder, format):
        try:
            for batch in read_file(
                file, mapping, format, source, f"{source} {printable(file.name)}"
            ):
                empty = False
                yield batch
        except EmptySourceError:
            # Engines write empty parts beside full ones.
            continue
    if empty:
        raise EmptySourceError(f"{printable(folder)}: no {format} file in it has rows")


def read_file(
    path: Path, mapping: ColumnMapping, format: str, source: str, place: str
) -> Iterator[ReportBatch]:
    """Yield the reports of one file; `place` is what their references begin with."""
    if format == "parquet":
        return read_parquet(path, mapping, source, place)
    if format == "fhir":
        return read_fhir(path, mapping, source, place)
    if format == "hl7":
        return read_hl7(path, mapping, source, place)
    if format == "jsonl":
        return read_json_lines(path, mapping, source, place)
    return read_delimited(path, mapping, source, place, DELIMITERS[format])
