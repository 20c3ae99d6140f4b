"""Reports of the Indiana University collection (OpenI): a folder or tar archive of XML files."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.parsers.expat import ExpatError

from pipeline.readers.delimited_rows import opened_bytes
from pipeline.readers.openi_document import DoctypeError, parse_openi
from pipeline.readers.parsed_report import Fault, ParsedReport, parsed_batches
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.report_rules import DEFAULT_STATUS
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
    found = ((printable(name), _report(data)) for name, data in documents)
    empty = True
    for batch in parsed_batches(found, source):
        empty = False
        yield batch
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


def _report(data: bytes | None) -> ParsedReport | Fault:
    if data is None:
        reason = f"more than {MAX_DOCUMENT_BYTES:,} bytes; is it one report?"
        return Fault("file_too_large", reason)
    try:
        document = parse_openi(data)
    except ExpatError:
        return Fault("xml_malformed", "not well-formed XML; copy the file again")
    except (DoctypeError, ValueError, LookupError):
        reason = "declares a document type or an encoding that is not read"
        return Fault("xml_doctype", reason)
    return ParsedReport(
        exam_id=(document.exam_id or "").strip() or None,
        patient_id=None,
        exam_time=None,
        site=None,
        status=DEFAULT_STATUS,
        sections=tuple(zip(document.kinds, document.texts, strict=True)),
        codes=tuple(document.codes),
    )
