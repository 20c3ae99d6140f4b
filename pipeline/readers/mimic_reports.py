"""Reports of MIMIC-CXR: a tree of text files, `files/p10/p10000032/s50414267.txt`."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.readers.parsed_report import Fault, Found, ParsedReport, parsed_batches
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.report_rules import DEFAULT_STATUS, MAX_REPORT_CHARACTERS
from pipeline.readers.row_chunk import ENCODING_REASON
from pipeline.readers.source_error import EmptySourceError, printable, source_errors

_STUDY = re.compile(r"s(\d+)\.txt")
_PATIENT = re.compile(r"p(\d{3,})")


def read_mimic(folder: Path, source: str) -> Iterator[ReportBatch]:
    """Yield the reports of a MIMIC-CXR tree, folder by folder in the order of their names.

    The exam is the number in the file's name, the patient the number in its folder's, as in
    MIMIC-CXR-JPG's lists. Nothing of the tree is held but the folders on the way. Rejected beside
    the rules of `parsed_batches`: `file_too_large`, `encoding`.

    Raises
    ------
    SourceError
        If the folder cannot be read or holds no such file.
    """
    empty = True
    for batch in parsed_batches(_found(folder, folder.name, None), source):
        empty = False
        yield batch
    if empty:
        raise EmptySourceError(
            f"{printable(folder)}: holds no report such as p10/p10000032/s50414267.txt"
        )


def _found(folder: Path, place: str, patient_id: str | None) -> Iterator[Found]:
    with source_errors(folder), os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        here = f"{place} {printable(entry.name)}" if patient_id is None else place
        if entry.is_dir(follow_symlinks=False):
            patient = _PATIENT.fullmatch(entry.name)
            yield from _found(Path(entry.path), here, patient[1] if patient else patient_id)
        elif (study := _STUDY.fullmatch(entry.name)) is not None:
            yield f"{place} {printable(entry.name)}", _report(entry, study[1], patient_id)


def _report(
    entry: "os.DirEntry[str]", exam_id: str, patient_id: str | None
) -> ParsedReport | Fault:
    # At most four bytes a character in UTF-8.
    if entry.stat().st_size > 4 * MAX_REPORT_CHARACTERS:
        reason = f"more than {4 * MAX_REPORT_CHARACTERS:,} bytes; is it one report?"
        return Fault("file_too_large", reason, exam_id)
    try:
        text = Path(entry.path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return Fault("encoding", ENCODING_REASON, exam_id)
    return ParsedReport(exam_id, patient_id, None, None, DEFAULT_STATUS, (("body", text),))
