"""Reports of the Indiana University collection (OpenI): a folder or tar archive of XML files."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.parsers.expat import ExpatError

import pyarrow as pa

from pipeline.readers.delimited_rows import opened_bytes
from pipeline.readers.openi_document import DoctypeError, OpeniDocument, parse_openi
from pipeline.readers.rejected_rows import RejectedRow, rejected_table
from pipeline.readers.report_batch import GOLD, REPORTS, ReportBatch
from pipeline.readers.report_rules import DEFAULT_STATUS, MAX_REPORT_CHARACTERS
from pipeline.readers.row_chunk import CHARACTERS, ROWS
from pipeline.readers.source_error import EmptySourceError, printable, source_errors

# The largest document of the collection has 9 kB.
MAX_DOCUMENT_BYTES = 4_000_000
MAX_NAME_BYTES = 1_000_000

# Members that name or describe the one after them.
_NAMES = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}

# Name inside the source, and the bytes, or None for a file that is too large to be one report.
Document = tuple[str, bytes | None]
# The place of a document, and what it says, or the exam's id if known, the broken rule and reason.
Judged = tuple[str, OpeniDocument | tuple[str | None, str, str]]


def read_openi(path: Path, source: str) -> Iterator[ReportBatch]:
    """Yield the reports of a tar archive, folder or single file of OpenI XML, with their codes.

    Nothing is unpacked to disk, so names in the archive lead nowhere. The exam's id is the uid
    (CXR1); the collection names no patient, time or site. Human and automatic MeSH headings go to
    the gold table only. Rejected: `exam_id_missing`, `report_empty`, `report_too_long`,
    `file_too_large`, `xml_malformed`, `xml_doctype`. Files that do not end in .xml are no rows.

    Raises
    ------
    SourceError
        If the archive is damaged or there is no XML in it.
    """
    documents = _in_folder(path) if path.is_dir() else _in_file(path)
    judged = ((printable(name), len(data or b""), _judged(data)) for name, data in documents)
    empty = True
    batch: list[Judged] = []
    size = 0
    for name, n_bytes, found in judged:
        empty = False
        batch.append((name, found))
        size += n_bytes
        if len(batch) >= ROWS or size >= CHARACTERS:
            yield _batch(batch, source)
            batch, size = [], 0
    if batch:
        yield _batch(batch, source)
    if empty:
        raise EmptySourceError(f"{printable(path)}: holds no .xml file; check the path")


def _in_folder(folder: Path) -> Iterator[Document]:
    with source_errors(folder):
        # A pipe would be waited on for ever.
        for file in sorted(found for found in folder.rglob("*.xml") if found.is_file()):
            yield f"{folder.name} {file.relative_to(folder).as_posix()}", _content(file)


def _in_file(path: Path) -> Iterator[Document]:
    if path.suffix.lower() == ".xml":
        with source_errors(path):
            yield path.name, _content(path)
        return
    with (
        source_errors(path),
        opened_bytes(path) as inflated,
        tarfile.open(fileobj=inflated, mode="r|", tarinfo=_Member) as archive,
    ):
        for member in archive:
            # A stream keeps every member it has passed; there may be millions.
            archive.members = []  # type: ignore[attr-defined]
            if not member.isreg() or not member.name.lower().endswith(".xml"):
                continue
            stream = archive.extractfile(member) if member.size <= MAX_DOCUMENT_BYTES else None
            yield f"{path.name} {member.name}", stream.read() if stream else None


class _Member(tarfile.TarInfo):
    """A member whose name is not megabytes long: tarfile reads long ones into memory as a whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _NAMES and self.size > MAX_NAME_BYTES:
            raise tarfile.ReadError("a header is larger than any name")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.stat().st_size <= MAX_DOCUMENT_BYTES else None


def _batch(documents: list[Judged], source: str) -> ReportBatch:
    reports: list[tuple] = []
    codes: list[tuple] = []
    rejected: list[RejectedRow] = []
    for reference, found in documents:
        if isinstance(found, OpeniDocument):
            sections = [
                {"kind": kind, "text": text}
                for kind, text in zip(found.kinds, found.texts, strict=True)
            ]
            exam_id = found.exam_id
            reports.append((exam_id, None, None, None, DEFAULT_STATUS, sections, source, reference))
            unique = dict.fromkeys(found.codes)
            codes.extend((exam_id, coding, code, source, reference) for coding, code in unique)
        else:
            rejected.append(RejectedRow(found[0], reference, *found[1:]))
    return ReportBatch(_table(reports, REPORTS), rejected_table(rejected), _table(codes, GOLD))


def _judged(data: bytes | None) -> OpeniDocument | tuple[str | None, str, str]:
    """Return the document, or the exam's id if known, the rule that is broken, and the reason."""
    if data is None:
        return None, "file_too_large", f"more than {MAX_DOCUMENT_BYTES:,} bytes; is it one report?"
    try:
        document = parse_openi(data)
    except ExpatError:
        return None, "xml_malformed", "not well-formed XML; copy the file again"
    except (DoctypeError, ValueError, LookupError):
        return None, "xml_doctype", "declares a document type or an encoding that is not read"
    document.exam_id = (document.exam_id or "").strip() or None
    if document.exam_id is None:
        return None, "exam_id_missing", "no <uId id=...>"
    if not document.texts:
        return document.exam_id, "report_empty", "no text in any AbstractText"
    if sum(map(len, document.texts)) > MAX_REPORT_CHARACTERS:
        reason = f"more than {MAX_REPORT_CHARACTERS:,} characters; is it one report?"
        return document.exam_id, "report_too_long", reason
    return document


def _table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
