"""HL7 v2 ORU^R01 messages, in files and batches, become reports."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import ColumnMapping, EmptySourceError, read_reports
from pipeline.readers.hl7_message import parse_message
from pipeline.readers.parsed_report import Fault, ParsedReport

MSH = r"MSH|^~\&|RIS|NORTH|||202311010210||ORU^R01|1|P|2.5"
PID = "PID|1||12345^^^HOSP^MR||DOE^JOHN"


def obr(exam: str = "ACC1", status: str = "F", told: str = "202311010200") -> str:
    return f"OBR|1|P1|{exam}|71046^CHEST|||202311010155-0500{'|' * 15}{told}|||{status}"


def obx(text: str, code: str = "GDT", kind: str = "TX", status: str = "F") -> str:
    return f"OBX|1|{kind}|{code}||{text}||||||{status}"


def message(*lines: str) -> bytes:
    return "\r".join([MSH, PID, *lines]).encode()


def one(*lines: str) -> ParsedReport | Fault:
    (report,) = parse_message(message(*lines), ColumnMapping())
    return report


def read(path: Path, mapping: ColumnMapping | None = None) -> tuple[list[dict], list[dict]]:
    batches = list(read_reports(path, mapping or ColumnMapping()))
    return (
        [row for batch in batches for row in batch.reports.to_pylist()],
        [row for batch in batches for row in batch.rejected.to_pylist()],
    )


def test_a_message_names_exam_patient_site_and_times():
    report = one(obr(), obx("Heart size normal."))
    assert report == ParsedReport(
        exam_id="ACC1",
        patient_id="12345",
        exam_time=datetime(2023, 11, 1, 6, 55, tzinfo=UTC),
        site="NORTH",
        status="final",
        sections=(("body", "Heart size normal."),),
        told_at=datetime(2023, 11, 1, 2, 0, tzinfo=UTC),
    )


def test_lines_repetitions_and_escapes_become_the_text_a_radiologist_wrote():
    report = one(
        obr(),
        obx(r"Effusion\T\atelectasis.~No pneumothorax.", "1&GDT^FINDINGS"),
        obx("Heart normal.", "2&GDT^FINDINGS"),
        obx(r"Effusion.\.br\Follow up \H\soon\N\.", "19005-8^Impression", "FT"),
    )
    assert report.sections == (
        ("findings", "Effusion&atelectasis.\nNo pneumothorax.\nHeart normal."),
        ("impression", "Effusion.\nFollow up soon."),
    )


def test_measurements_and_withdrawn_lines_are_no_text():
    report = one(obr(), obx("12", kind="NM"), obx("No effusion."), obx("Wrong.", status="W"))
    assert report.sections == (("body", "No effusion."),)


@pytest.mark.parametrize(
    ("told", "expected"),
    [("F", "final"), ("C", "amended"), ("X", "retracted"), ("D", "retracted")],
)
def test_the_result_status_is_the_report_s(told, expected):
    assert one(obr(status=told), obx("No effusion.")).status == expected


def test_without_a_status_of_its_own_the_lines_tell_it():
    assert one(obr(status=""), obx("No effusion.", status="C")).status == "amended"
    assert one(obr(status=""), obx("No effusion.", status="P")).rule == "not_final"
    assert one(obr(status=""), obx("No effusion.", status="")).status == "final"


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ([obr(status="P"), obx("Pending.")], "not_final"),
        ([obr(status="Q"), obx("Text.")], "status_unknown"),
        ([], "message_malformed"),
        ([obr(), obx(r"Bomb \.sp99999999\ here")], "message_malformed"),
        ([obr().replace("202311010155-0500", "yesterday"), obx("Text.")], "exam_time_unreadable"),
    ],
)
def test_what_is_no_final_result_is_set_aside_with_its_reason_and_without_its_text(lines, rule):
    fault = one(*lines)
    assert fault.rule == rule
    assert "Bomb" not in fault.reason
    assert "yesterday" not in fault.reason


def test_another_message_type_and_an_unknown_character_set_are_set_aside():
    other = message(obr(), obx("x")).replace(b"ORU^R01", b"ADT^A01")
    assert parse_message(other, ColumnMapping())[0].rule == "message_type"
    set_named = message(obr(), obx("x")).replace(b"|2.5\r", b"|2.5||||||EBCDIC\r")
    assert parse_message(set_named, ColumnMapping())[0].rule == "encoding"


def test_the_character_set_is_the_one_the_message_names():
    latin = message(obr(), obx("Épanchement")).decode().replace("|2.5\r", "|2.5||||||8859/1\r")
    (report,) = parse_message(latin.encode("iso-8859-1"), ColumnMapping())
    assert report.sections == (("body", "Épanchement"),)
    assert parse_message(latin.replace("8859/1", "").encode("iso-8859-1"), ColumnMapping())[
        0
    ].rule == ("encoding")


def test_each_request_of_a_message_is_a_report_and_its_place_can_be_named():
    data = message(obr("A1"), obx("No effusion."), obr("A2"), obx("Effusion."))
    data = data.replace(b"P1|A2", b"P2|A2")
    mapping = ColumnMapping(exam_id="OBR-2", patient_id="PID-5.1", site="MSH-3")
    reports = parse_message(data, mapping)
    assert [(r.exam_id, r.patient_id, r.site) for r in reports] == [
        ("P1", "DOE", "RIS"),
        ("P2", "DOE", "RIS"),
    ]


def test_each_patient_of_a_message_keeps_their_own_reports():
    other = "PID|1||67890^^^HOSP^MR||ROE^JANE"
    orders = ["ORC|RE|P1|O1", obr("A1"), obx("No effusion."), "ORC|RE|P2|O2", obr("A2")]
    data = message(*orders, obx("Effusion."), other, obr("A3"), obx("Clear."))
    reports = parse_message(data, ColumnMapping())
    assert [(r.exam_id, r.patient_id, r.site) for r in reports] == [
        ("A1", "12345", "NORTH"),
        ("A2", "12345", "NORTH"),
        ("A3", "67890", "NORTH"),
    ]
    by_order = parse_message(data, ColumnMapping(exam_id="ORC-3"))
    assert [r.exam_id for r in by_order] == ["O1", "O2", None]


@pytest.mark.parametrize("ending", ["\r", "\n", "\r\n"])
def test_files_and_batches_with_any_line_end_framed_or_gzipped(tmp_path, ending):
    texts = ["No effusion.", "", "Effusion."]
    lines = ["FHS|^~\\&", "BHS|^~\\&"]
    for number, text in enumerate(texts):
        lines += ["\x0b" + MSH, PID, obr(f"A{number}"), obx(text), "\x1c"]
    lines += ["BTS|3", "FTS|1"]
    data = ending.join(lines).encode()
    (tmp_path / "night.hl7").write_bytes(data)
    (tmp_path / "unnamed").write_bytes(data)
    with gzip.open(tmp_path / "night.hl7.gz", "wb") as file:
        file.write(data)
    for name in ("night.hl7", "unnamed", "night.hl7.gz"):
        reports, rejected = read(tmp_path / name)
        assert [row["exam_id"] for row in reports] == ["A0", "A2"]
        assert [(row["key"], row["rule"]) for row in rejected] == [("A1", "report_empty")]
        assert rejected[0]["reference"] == f"{name} message 2"


def test_frames_that_follow_one_another_without_a_line_end_hold_a_message_each(tmp_path):
    messages = [message(obr(f"A{n}"), obx(f"A line\x0band another of {n}.")) for n in range(3)]
    for end in (b"\x1c", b"\r\x1c", b"\x1c\r", b"\r\x1c\r"):
        framed = b"".join(b"\x0b" + text + end for text in messages)
        (tmp_path / "night.hl7").write_bytes(framed)
        reports, rejected = read(tmp_path / "night.hl7")
        assert [row["exam_id"] for row in reports] == ["A0", "A1", "A2"]
        texts = [row["sections"][0]["text"] for row in reports]
        assert texts == [f"A line\x0band another of {n}." for n in range(3)]
        assert rejected == []


def test_a_bare_line_end_inside_a_field_is_text(tmp_path):
    file = tmp_path / "a.hl7"
    file.write_bytes(message(obr(), obx("No effusion.\nNo pneumothorax.")).replace(b"\r", b"\n"))
    reports, _ = read(file)
    assert reports[0]["sections"][0]["text"] == "No effusion.\nNo pneumothorax."


def test_a_retraction_needs_no_text(tmp_path):
    file = tmp_path / "a.hl7"
    file.write_bytes(message(obr(status="X")))
    reports, rejected = read(file)
    assert [(row["exam_id"], row["status"]) for row in reports] == [("ACC1", "retracted")]
    assert not rejected


def test_a_message_that_never_ends_does_not_take_the_rest_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.readers.hl7_files.MAX_MESSAGE_BYTES", 2_000)
    file = tmp_path / "a.hl7"
    long = message(obr("A1"), obx("x" * 5_000))
    file.write_bytes(long + b"\r" + message(obr("A2"), obx("No effusion.")))
    reports, rejected = read(file)
    assert [row["exam_id"] for row in reports] == ["A2"]
    assert [row["rule"] for row in rejected] == ["message_too_long"]


def test_a_file_without_a_message_is_an_error_of_one_line(tmp_path):
    file = tmp_path / "a.hl7"
    file.write_bytes(b"PID|1||12345\r")
    with pytest.raises(EmptySourceError, match="holds no HL7 message"):
        read(file)


def test_what_the_library_cannot_read_is_not_logged(caplog):
    one(obr(), obx(r"Secret \Xzz\ text"))
    assert "Secret" not in caplog.text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(noise=st.binary(max_size=60), at=st.integers(0, 300))
def test_damaged_messages_are_set_aside_never_raised(noise, at):
    data = message(obr(), obx("No effusion."))
    parse_message(b"MSH" + data[3:at] + noise + data[at:], ColumnMapping())
