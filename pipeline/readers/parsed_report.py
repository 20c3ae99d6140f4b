"""Reports that a reader parses one by one (messages, resources, text files), to batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from data_contracts.schemas import TIMESTAMP
from pipeline.readers.rejected_rows import RejectedRow, rejected_table
from pipeline.readers.report_batch import GOLD, REPORTS, ReportBatch
from pipeline.readers.report_rules import MAX_REPORT_CHARACTERS
from pipeline.readers.row_chunk import CHARACTERS, NUL_REASON, ROWS


@dataclass(frozen=True)
class ParsedReport:
    """What a message or file says of one exam.

    `sections` are pairs of kind and text, `status` one of final, amended, retracted. `told_at` is
    when the sender told it, which orders two versions of one exam that nothing else orders. `codes`
    are the human codes that stand beside the report, pairs of coding and code.
    """

    exam_id: str | None
    patient_id: str | None
    exam_time: datetime | None
    site: str | None
    status: str
    sections: tuple[tuple[str, str], ...]
    told_at: datetime | None = None
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fault:
    """Why a message or file is no report: the rule it breaks and the reason, without its text."""

    rule: str
    reason: str
    exam_id: str | None = None


# Place in the source, and what stands there.
Found = tuple[str, ParsedReport | Fault]


def parsed_batches(found: Iterable[Found], source: str) -> Iterator[ReportBatch]:
    """Yield what was found in batches of a few thousand, judged by the rules of all reports.

    Rejected beside the faults: `exam_id_missing`, `report_empty`, `report_too_long`,
    `nul_character`. A retraction needs no text; it gets an empty section.
    """
    batch: list[Found] = []
    size = 0
    for reference, report in found:
        judged = _judged(report)
        batch.append((reference, judged))
        if isinstance(judged, ParsedReport):
            size += sum(len(text) for _, text in judged.sections)
        if len(batch) >= ROWS or size >= CHARACTERS:
            yield _batch(batch, source)
            batch, size = [], 0
    if batch:
        yield _batch(batch, source)


def _judged(report: ParsedReport | Fault) -> ParsedReport | Fault:
    if isinstance(report, Fault):
        return report
    if not report.exam_id:
        return Fault("exam_id_missing", "names no exam (accession number)")
    texts = [text for _, text in report.sections]
    if report.status != "retracted" and not any(text.strip() for text in texts):
        return Fault("report_empty", "no text", report.exam_id)
    if sum(map(len, texts)) > MAX_REPORT_CHARACTERS:
        reason = f"more than {MAX_REPORT_CHARACTERS:,} characters; is it one report?"
        return Fault("report_too_long", reason, report.exam_id)
    if any("\0" in text for text in (*texts, report.exam_id, report.patient_id or "")):
        return Fault("nul_character", NUL_REASON, report.exam_id.replace("\0", ""))
    return report


def _batch(found: list[Found], source: str) -> ReportBatch:
    reports = [(ref, report) for ref, report in found if isinstance(report, ParsedReport)]
    rejected = [
        RejectedRow(fault.exam_id, ref, fault.rule, fault.reason)
        for ref, fault in found
        if isinstance(fault, Fault)
    ]
    codes = [
        (report.exam_id, coding, code, source, ref)
        for ref, report in reports
        for coding, code in dict.fromkeys(report.codes)
    ]
    rows = [
        (
            report.exam_id,
            report.patient_id,
            report.exam_time,
            report.site,
            report.status,
            [{"kind": kind, "text": text} for kind, text in report.sections or (("body", ""),)],
            source,
            ref,
        )
        for ref, report in reports
    ]
    told_at = pa.array([report.told_at for _, report in reports], TIMESTAMP)
    return ReportBatch(
        _table(rows, REPORTS), rejected_table(rejected), _table(codes, GOLD), told_at
    )


def _table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)],
        schema=schema,
    )
