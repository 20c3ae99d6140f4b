"""Files of HL7 v2 messages: one message, several, or a batch; each message's bytes in turn."""

import io
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.delimited_rows import opened_bytes
from pipeline.readers.hl7_message import parse_message
from pipeline.readers.parsed_report import Fault, Found, parsed_batches
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.source_error import EmptySourceError, printable, source_errors

# Ten times a report that is refused for its length.
MAX_MESSAGE_BYTES = 10_000_000
# A long report has some thousand; each costs the parser microseconds.
MAX_SEPARATORS = 150_000
# What frames a message on the wire (MLLP), left in files that a listener wrote.
FRAMING = "\x0b\x1c"
# Segments that wrap messages in files and batches.
WRAPPERS = ("FHS", "BHS", "BTS", "FTS")
# Where a message follows the frame of the one before it without a line end between.
_FRAME = re.compile(r"[\x0b\x1c]+(?=(?:MSH|FHS|BHS)[^A-Za-z0-9\s])")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?![A-Za-z0-9])")


def read_hl7(path: Path, mapping: ColumnMapping, source: str, place: str) -> Iterator[ReportBatch]:
    """Yield the reports of a file of HL7 v2 ORU^R01 messages, also gzipped.

    A row is an observation request (OBR) of a message; see `hl7_message.parse_message` for what is
    read from where. Lines may end in CR, LF or both; a line that begins no segment continues the
    field before it. Rejected beside the rules of `parsed_batches`: `message_too_long`,
    `message_type`, `message_malformed`, `encoding`, `not_final`.

    Raises
    ------
    SourceError
        If the file cannot be read, or there is no message in it.
    """
    yield from parsed_batches(_found(path, mapping, place), source)


def _found(path: Path, mapping: ColumnMapping, place: str) -> Iterator[Found]:
    number = 0
    with source_errors(path), opened_bytes(path) as stream:
        for number, message in enumerate(_messages(stream), start=1):
            reference = f"{place} message {number}"
            if message is None:
                reason = (
                    f"more than {MAX_MESSAGE_BYTES:,} bytes or {MAX_SEPARATORS:,} fields; "
                    "is it one message?"
                )
                yield reference, Fault("message_too_long", reason)
                continue
            for order, report in enumerate(parse_message(message, mapping), start=1):
                yield reference if order == 1 else f"{reference} order {order}", report
    if number == 0:
        raise EmptySourceError(f"{printable(path)}: holds no HL7 message (no line begins with MSH)")


def _messages(stream: Any) -> Iterator[bytes | None]:
    """Yield each message's segments, separated by CR; None for one that is too long.

    Bytes are read as Latin-1, which keeps each of them, until the message says its character set.
    """
    text = io.TextIOWrapper(stream, encoding="iso-8859-1", newline=None)
    lines = (
        line
        for read in iter(partial(text.readline, MAX_MESSAGE_BYTES), "")
        for line in _FRAME.split(read)
    )
    # Segments, each with the line end before it; continued lines, with theirs, are parts of it.
    message: list[str] = []
    size = 0
    for line in lines:
        line = line.removesuffix("\n").strip(FRAMING)
        if line.startswith("MSH"):
            if message:
                yield _whole(message, size)
            message, size = [], 0
        elif not message or line.startswith(WRAPPERS) or not line:
            continue
        size += len(line) + 1
        if size > MAX_MESSAGE_BYTES:
            # What is too long is not kept, its beginning marks it.
            message = message[:1] or ["MSH"]
        elif not message:
            message.append(line)
        else:
            message += ["\r" if _SEGMENT.match(line) else "\n", line]
    if message:
        yield _whole(message, size)


def _whole(message: list[str], size: int) -> bytes | None:
    if size > MAX_MESSAGE_BYTES:
        return None
    whole = "".join(message).encode("iso-8859-1")
    separators = sum(whole.count(separator) for separator in b"\r|^~&")
    return whole if separators <= MAX_SEPARATORS else None
