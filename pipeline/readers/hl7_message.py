"""One HL7 v2 ORU^R01 message to the reports it holds."""

import logging
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.readers.column_mapping import BODY, ColumnMapping, section_kind
from pipeline.readers.exam_times import parsed_time
from pipeline.readers.parsed_report import Fault, ParsedReport

# Where a field is read unless the settings name another place, as in PID-3.1.
EXAM_ID, PATIENT_ID, EXAM_TIME, SITE = "OBR-3.1", "PID-3.1", "OBR-7", "MSH-4.1"
TOLD_AT = ("OBR-22", "MSH-7")
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,3}))?")
# «\.sp4000000\» asks for four million line feeds.
_ENDLESS = re.compile(r"\.[a-z]{2}[+-]?\d{3,}")
# How the escape sequences of formatted text are written here.
_WRITTEN = {".br": "\n", ".sp": "\n", ".ce": "\n", "H": "", "N": ""}

MALFORMED = Fault("message_malformed", "not an HL7 v2 message; export it again")
NO_ORDER = Fault("message_malformed", "no OBR segment: it names no examination")
NOT_RESULT = Fault("message_type", "not ORU^R01, an observation result")
NOT_READABLE = Fault(
    "encoding", "not in the character set that MSH-18 names (UTF-8 if it is empty)"
)
ESCAPE = Fault("message_malformed", "an escape sequence that no text has")


def parse_message(data: bytes, mapping: ColumnMapping) -> list[ParsedReport | Fault]:
    r"""Return a report, or why there is none, of each observation request (OBR) of a message.

    The exam is OBR-3 (filler order number), the patient PID-3, the time OBR-7, the site MSH-4, each
    the first component; the mapping's `exam_id`, `patient_id`, `exam_time` and `site` name other
    places (`OBR-18`, `PID-2.1`). Text are the OBX segments of type TX, FT or ST that follow, a line
    each, as are repetitions; `\.br\` and its like are line ends. OBX-3 says the section
    (`hl7_codes.yaml`). OBR-25 says the status, or OBX-11 where it is empty; results that are not
    final yet are faults (`not_final`), and cancelled or deleted ones retract the exam's report.

    Parameters
    ----------
    data
        The segments, separated by CR; LF inside a segment is text.
    """
    import hl7

    # hl7 logs the fields that it cannot read.
    logging.getLogger(hl7.util.__file__).disabled = True
    codes = hl7_codes()
    # MSH names its own separator, and the character set of all that follows.
    named = data.split(b"\r", 1)[0].decode("iso-8859-1").split(chr((data + b"MSH|")[3]))
    told = named[17].split("~")[0].strip().upper() if len(named) > 17 else ""
    encoding = codes["character_sets"].get(told) if told else "utf-8"
    if encoding is None:
        return [NOT_READABLE]
    try:
        message = hl7.parse(data.decode(encoding))
    except UnicodeDecodeError:
        return [NOT_READABLE]
    except Exception:
        # The library raises whatever it stumbles over.
        return [MALFORMED]
    header = message[0]
    if _component(message, header, 9, 1) != "ORU":
        return [NOT_RESULT]
    try:
        reports = [_report(message, group, mapping) for group in _orders(message)]
    except ValueError:
        return [ESCAPE]
    return reports or [NO_ORDER]


@cache
def hl7_codes() -> dict[str, Any]:
    """Return what codes mean, `hl7_codes.yaml`."""
    import yaml

    return yaml.safe_load((Path(__file__).parent / "hl7_codes.yaml").read_text(encoding="utf-8"))


def _orders(message: Any) -> Iterator[dict[str, list[Any]]]:
    """Yield, a request (OBR), the segments that belong to it by name.

    A patient's segments (PID and what follows it) belong to the requests up to the next PID, an ORC
    to the one request that follows it.
    """
    about: dict[str, list[Any]] = {}
    group: dict[str, list[Any]] | None = None
    for segment in message:
        name = str(segment[0])
        if group is not None and name in ("PID", "ORC", "OBR"):
            yield group
            group = None
        if name == "PID":
            about = {kept: about[kept] for kept in about if kept == "MSH"}
        if name == "OBR":
            group = {**about, "OBR": [segment], "OBX": []}
            about.pop("ORC", None)
        elif group is None:
            about[name] = [segment]
        elif name == "OBX":
            group["OBX"].append(segment)
    if group is not None:
        yield group


def _report(message: Any, group: dict[str, list[Any]], mapping: ColumnMapping) -> Any:
    default = ColumnMapping()

    def at(place: str | None, otherwise: str) -> str | None:
        found = _PLACE.fullmatch(place or otherwise)
        if found is None:
            return None
        segments = group.get(found[1])
        if not segments:
            return None
        component = int(found[3] or 1)
        return _component(message, segments[0], int(found[2]), component) or None

    exam_id = at(None if mapping.exam_id == default.exam_id else mapping.exam_id, EXAM_ID)
    status = _status(message, group)
    if status == "not_final":
        return Fault(
            "not_final", "the result is not final yet; the final one will be read", exam_id
        )
    if status is None:
        return Fault("status_unknown", "OBR-25 is not a result status of HL7's table 0123", exam_id)
    time = at(mapping.exam_time, EXAM_TIME)
    if time and parsed_time(time) is None:
        reason = "its time is not HL7's YYYYMMDD[HHMM[SS]][+ZZZZ]"
        return Fault("exam_time_unreadable", reason, exam_id)
    times = [parsed_time(at(place, place) or "") for place in TOLD_AT]
    return ParsedReport(
        exam_id=exam_id,
        patient_id=at(mapping.patient_id, PATIENT_ID),
        exam_time=parsed_time(time or ""),
        site=at(mapping.site, SITE),
        status=status,
        sections=tuple(_sections(message, group["OBX"])),
        told_at=next((time for time in times if time is not None), None),
    )


def _status(message: Any, group: dict[str, list[Any]]) -> str | None:
    meanings = hl7_codes()["status"]
    told = _component(message, group["OBR"][0], 25, 1).upper()
    if told:
        return meanings.get(told)
    lines = [meanings.get(_component(message, line, 11, 1).upper() or "F") for line in group["OBX"]]
    for status in (None, "not_final", "amended"):
        if status in lines:
            return status
    return "retracted" if lines and set(lines) == {"retracted"} else "final"


def _sections(message: Any, lines: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield kind and text of consecutive lines of one kind; withdrawn lines are left out."""
    codes = hl7_codes()
    kind: str | None = None
    texts: list[str] = []
    for line in lines:
        withdrawn = codes["status"].get(_component(message, line, 11, 1).upper()) == "retracted"
        if withdrawn or _component(message, line, 2, 1).upper() not in codes["text_types"]:
            continue
        own = _kind(message, line)
        if own != kind and texts:
            yield kind or BODY, "\n".join(texts)
            texts = []
        kind = own
        texts += [_text(message, part) for part in _field(line, 5).split(message.separators[2])]
    if any(text.strip() for text in texts):
        yield kind or BODY, "\n".join(texts)


def _kind(message: Any, line: Any) -> str:
    sections = hl7_codes()["sections"]
    code, _, suffix = _component(message, line, 3, 1).partition(message.separators[4])
    for told in (suffix, code):
        if told.upper() in sections:
            return sections[told.upper()]
    return section_kind(_component(message, line, 3, 2))


def _text(message: Any, raw: str) -> str:
    from hl7.util import unescape

    if _ENDLESS.search(raw):
        raise ValueError("endless")
    return str(unescape(message, raw, _WRITTEN))


def _component(message: Any, segment: Any, field: int, component: int) -> str:
    """Return a component of a field's first repetition; `0` and what is not there are empty."""
    first = _field(segment, field).split(message.separators[2])[0]
    parts = first.split(message.separators[3])
    return _text(message, parts[component - 1]).strip() if 0 < component <= len(parts) else ""


def _field(segment: Any, number: int) -> str:
    return str(segment[number]) if number < len(segment) else ""
