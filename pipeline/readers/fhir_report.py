"""One FHIR R4 DiagnosticReport to a report."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from pipeline.readers.column_mapping import BODY, ColumnMapping
from pipeline.readers.parsed_report import Fault, ParsedReport

# https://hl7.org/fhir/R4/valueset-diagnostic-report-status.html
STATUS = {
    "final": "final",
    "amended": "amended",
    "corrected": "amended",
    "appended": "amended",
    "cancelled": "retracted",
    "entered-in-error": "retracted",
}
# Codes of https://terminology.hl7.org/CodeSystem-v2-0203.html
ACCESSION, MEDICAL_RECORD = "ACSN", "MR"
DICOM_UID = "urn:dicom:uid"

NOT_FINAL = "the report is not final yet; its final version is read"
NO_TEXT = "no plain text, HTML or conclusion (a PDF is not read)"


class Neighbours:
    """The other resources of a Bundle, or inside a resource, found by the references to them."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        for entry in entries:
            resource = entry.get("resource")
            if not isinstance(resource, dict):
                continue
            if isinstance(entry.get("fullUrl"), str):
                self._found[entry["fullUrl"]] = resource
            self._found[f"{resource.get('resourceType')}/{resource.get('id')}"] = resource

    def resource(self, reference: Any) -> dict[str, Any]:
        """Return the resource that a reference names, empty where it is not in the Bundle."""
        name = reference.get("reference") if isinstance(reference, dict) else None
        return self._found.get(str(name), {})

    def with_contained(self, resource: dict[str, Any]) -> "Neighbours":
        """Return these and the resources inside one, which it refers to as ``#id``."""
        inside = _listed(resource.get("contained"))
        if not inside:
            return self
        both = Neighbours([])
        both._found = self._found | {f"#{found.get('id')}": found for found in inside}
        return both


def parse_report(
    resource: dict[str, Any], neighbours: Neighbours, mapping: ColumnMapping
) -> ParsedReport | Fault:
    """Return the report that a DiagnosticReport holds, or why there is none.

    The exam is the accession number: the report's identifier of type ACSN, else that of its imaging
    study, else that of the order that report or study is based on; else the study's UID, by which
    images without an accession number are known too, else the report's first identifier. The
    mapping's `exam_id` may name the `system` of another identifier. The patient is the subject's
    identifier of type MR, else its first one, else the end of the reference. The time is
    `effective`, else the study's start. The text is `presentedForm` (plain text, else HTML without
    its tags), else `conclusion`. Preliminary reports are faults (`not_final`), cancelled ones and
    those entered in error retract the exam's report.
    """
    from fhir.resources.R4B.diagnosticreport import DiagnosticReport
    from pydantic import ValidationError

    try:
        report = DiagnosticReport.model_validate(resource)
    except ValidationError as error:
        places = {".".join(str(part) for part in found["loc"][:1]) for found in error.errors()}
        known = sorted(places & set(DiagnosticReport.model_fields)) or ["its structure"]
        return Fault("fhir_invalid", f"not a valid R4 DiagnosticReport: {', '.join(known)}")
    except (ValueError, TypeError, RecursionError):
        return Fault("fhir_invalid", "not a valid R4 DiagnosticReport")
    neighbours = neighbours.with_contained(resource)
    studies = [neighbours.resource(study) for study in _listed(resource.get("imagingStudy"))]
    exam_id = _exam_id(resource, studies, neighbours, mapping)
    status = STATUS.get(str(report.status))
    if status is None:
        return Fault("not_final", NOT_FINAL, exam_id)
    sections = _sections(report)
    if sections is None:
        return Fault("encoding", "its text is not in the character set that it names", exam_id)
    if not sections and status != "retracted":
        return Fault("report_empty", NO_TEXT, exam_id)
    effective = report.effectiveDateTime or getattr(report.effectivePeriod, "start", None)
    started = next((s["started"] for s in studies if isinstance(s.get("started"), str)), None)
    return ParsedReport(
        exam_id=exam_id,
        patient_id=_patient_id(resource.get("subject"), neighbours),
        exam_time=_time(effective) or _time(started),
        site=None,
        status=status,
        sections=sections,
        told_at=_time(report.issued) or _time(getattr(report.meta, "lastUpdated", None)),
    )


def _exam_id(
    report: dict[str, Any],
    studies: list[dict[str, Any]],
    neighbours: Neighbours,
    mapping: ColumnMapping,
) -> str | None:
    own = _listed(report.get("identifier"))
    of_studies = _identifiers(report.get("imagingStudy"), neighbours)
    of_orders = [
        identifier
        for resource in (report, *studies)
        for identifier in _identifiers(resource.get("basedOn"), neighbours)
    ]
    everything = [*own, *of_studies, *of_orders]
    if mapping.exam_id != ColumnMapping().exam_id:
        return next((_value(i) for i in everything if i.get("system") == mapping.exam_id), None)
    accessions = [i for i in everything if _is_of_type(i, ACCESSION)]
    uids = [i for i in (*own, *of_studies) if i.get("system") == DICOM_UID]
    for found in (*accessions, *uids, *own):
        if _value(found):
            return _value(found)
    return None


def _identifiers(references: Any, neighbours: Neighbours) -> list[dict[str, Any]]:
    """Return the identifiers that references name, then those of the resources they refer to."""
    listed = _listed(references)
    named = _listed([reference.get("identifier") for reference in listed])
    found = [neighbours.resource(reference).get("identifier") for reference in listed]
    return [*named, *(identifier for each in found for identifier in _listed(each))]


def _patient_id(subject: Any, neighbours: Neighbours) -> str | None:
    if not isinstance(subject, dict):
        return None
    found = neighbours.resource(subject).get("identifier")
    identifiers = [*_listed(found), *_listed([subject.get("identifier")])]
    ranked = sorted(identifiers, key=lambda i: not _is_of_type(i, MEDICAL_RECORD))
    if ranked:
        return _value(ranked[0])
    reference = str(subject.get("reference") or "")
    return reference.rsplit("/", 1)[-1].removeprefix("urn:uuid:") or None


def _listed(found: Any) -> list[dict[str, Any]]:
    return [i for i in found if isinstance(i, dict)] if isinstance(found, list) else []


def _value(identifier: dict[str, Any]) -> str | None:
    value = identifier.get("value")
    value = value.strip() if isinstance(value, str) else ""
    return value.removeprefix("urn:oid:") or None


def _is_of_type(identifier: dict[str, Any], code: str) -> bool:
    kind = identifier.get("type")
    codings = _listed(kind.get("coding")) if isinstance(kind, dict) else []
    return any(coding.get("code") == code for coding in codings)


def _sections(report: Any) -> tuple[tuple[str, str], ...] | None:
    """Return the sections, none without text, or None for text that cannot be decoded."""
    forms = [form for form in report.presentedForm or [] if form.data]
    for kind in ("text/plain", "text/html"):
        for form in forms:
            told, _, parameters = str(form.contentType or "").lower().partition(";")
            if told.strip() != kind:
                continue
            _, _, charset = parameters.partition("charset=")
            try:
                text = form.data.decode(charset.strip(' "') or "utf-8")
            except (UnicodeError, LookupError):
                return None
            text = text if kind == "text/plain" else _without_tags(text)
            if text.strip():
                return ((BODY, text),)
    conclusion = str(report.conclusion or "")
    return (("impression", conclusion),) if conclusion.strip() else ()


def _without_tags(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts).strip()


class _Text(HTMLParser):
    """The text of a page: blocks begin a line, scripts and styles are no text."""

    BLOCKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "table", "pre"})
    HIDDEN = frozenset({"script", "style", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden += tag in self.HIDDEN
        if tag in self.BLOCKS and self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in self.HIDDEN))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _time(value: Any) -> datetime | None:
    """Return a FHIR date or time in UTC; a date alone is its first moment there."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if value is None:
        return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
