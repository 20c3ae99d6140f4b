"""FHIR R4 DiagnosticReports, alone, in Bundles and a line each, become reports."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import ColumnMapping, EmptySourceError, SourceError, read_reports
from pipeline.readers.fhir_report import Neighbours, parse_report
from pipeline.readers.parsed_report import ParsedReport

ACCESSION = {"type": {"coding": [{"code": "ACSN"}]}, "value": "ACC1"}
RECORD = {"type": {"coding": [{"code": "MR"}]}, "value": "12345"}


def form(text: str, kind: str = "text/plain", charset: str = "utf-8") -> dict:
    data = base64.b64encode(text.encode(charset)).decode()
    return {"contentType": f"{kind}; charset={charset}", "data": data}


def report(**changes) -> dict:
    resource = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": {"text": "Chest X-ray"},
        "identifier": [{"system": "urn:site", "value": "S-9"}, ACCESSION],
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2023-11-01T01:55:00-05:00",
        "issued": "2023-11-01T02:00:00Z",
        "presentedForm": [form("No effusion.")],
    }
    resource.update(changes)
    return {key: value for key, value in resource.items() if value is not None}


def parse(resource: dict, mapping: ColumnMapping | None = None, around: tuple = ()):
    entries = [{"fullUrl": url, "resource": other} for url, other in around]
    return parse_report(resource, Neighbours(entries), mapping or ColumnMapping())


def read(path: Path) -> tuple[list[dict], list[dict]]:
    batches = list(read_reports(path, ColumnMapping()))
    return (
        [row for batch in batches for row in batch.reports.to_pylist()],
        [row for batch in batches for row in batch.rejected.to_pylist()],
    )


def test_a_report_names_exam_patient_and_times():
    assert parse(report()) == ParsedReport(
        exam_id="ACC1",
        patient_id="p1",
        exam_time=datetime(2023, 11, 1, 6, 55, tzinfo=UTC),
        site=None,
        status="final",
        sections=(("body", "No effusion."),),
        told_at=datetime(2023, 11, 1, 2, 0, tzinfo=UTC),
    )


def test_the_patient_and_the_study_of_a_bundle_say_what_the_report_does_not():
    around = (
        ("urn:uuid:a", {"resourceType": "Patient", "id": "p1", "identifier": [RECORD]}),
        (
            "urn:uuid:b",
            {
                "resourceType": "ImagingStudy",
                "id": "i1",
                "started": "2023-11-01T00:00:00Z",
                "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}, ACCESSION],
            },
        ),
    )
    alone = report(
        identifier=None,
        effectiveDateTime=None,
        subject={"reference": "urn:uuid:a"},
        imagingStudy=[{"reference": "urn:uuid:b"}],
    )
    found = parse(alone, around=around)
    assert (found.exam_id, found.patient_id) == ("ACC1", "12345")
    assert found.exam_time == datetime(2023, 11, 1, tzinfo=UTC)
    del around[1][1]["identifier"][1]
    assert parse(alone, around=around).exam_id == "1.2.3"


def test_the_order_says_the_accession_number_that_the_report_does_not():
    numbers = [{"value": "PLACER"}, ACCESSION]
    order = {
        "resourceType": "ServiceRequest",
        "id": "o1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "identifier": numbers,
    }
    study = {"resourceType": "ImagingStudy", "id": "s1", "basedOn": [{"reference": "urn:uuid:o1"}]}
    around = (("urn:uuid:o1", order), ("urn:uuid:s1", study))
    of_report = report(identifier=None, basedOn=[{"reference": "ServiceRequest/o1"}])
    of_study = report(identifier=None, imagingStudy=[{"reference": "ImagingStudy/s1"}])
    inside = report(identifier=None, contained=[order], basedOn=[{"reference": "#o1"}])
    named = report(identifier=None, basedOn=[{"identifier": ACCESSION}])
    for resource in (of_report, of_study, inside, named):
        assert parse(resource, around=around).exam_id == "ACC1"
    # Other numbers of the order are not the exam's, and what the report says of itself goes before.
    bare = {**order, "identifier": [{"value": "PLACER"}]}
    unnumbered = parse(of_report, around=(("urn:uuid:o1", bare),))
    assert unnumbered.exam_id is None
    own = {"type": ACCESSION["type"], "value": "ACC2"}
    assert parse(report(identifier=[own], basedOn=named["basedOn"])).exam_id == "ACC2"


@pytest.mark.parametrize("order", [{"identifier": "x"}, {"identifier": [7, {"value": {}}]}, {}])
def test_an_order_of_any_shape_breaks_nothing(order):
    told = report(identifier=None, basedOn=[{"reference": "urn:uuid:o1"}, {"display": "an order"}])
    study = {"resourceType": "ImagingStudy", "id": "s1", "basedOn": "x", **order}
    around = (("urn:uuid:o1", order), ("urn:uuid:s1", study))
    assert parse(told, around=around).exam_id is None
    assert parse({**told, "imagingStudy": [{"reference": "urn:uuid:s1"}]}, None, around)


def test_the_settings_may_name_another_identifier():
    assert parse(report(), ColumnMapping(exam_id="urn:site")).exam_id == "S-9"


def test_plain_text_is_read_before_html_and_html_before_the_conclusion():
    html = form(
        "<p>Heart &lt; normal.</p><script>no()</script><div>No effusion.</div>", "text/html"
    )
    both = report(presentedForm=[html, form("Plain.")], conclusion="In short.")
    assert parse(both).sections == (("body", "Plain."),)
    assert parse(report(presentedForm=[html])).sections == (
        ("body", "Heart < normal.\nNo effusion."),
    )
    only = report(presentedForm=[form("%PDF", "application/pdf")], conclusion="In short.")
    assert parse(only).sections == (("impression", "In short."),)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("final", "final"),
        ("corrected", "amended"),
        ("appended", "amended"),
        ("cancelled", "retracted"),
        ("entered-in-error", "retracted"),
    ],
)
def test_the_status_is_the_report_s(told, expected):
    assert parse(report(status=told)).status == expected


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"status": "preliminary"}, "not_final"),
        ({"presentedForm": None}, "report_empty"),
        ({"status": ["secret"]}, "fhir_invalid"),
        ({"presentedForm": [{"contentType": "text/plain", "data": "/w=="}]}, "encoding"),
        ({"issued": "secret"}, "fhir_invalid"),
    ],
)
def test_what_is_no_report_is_set_aside_with_its_reason_and_without_its_text(changes, rule):
    fault = parse(report(**changes))
    assert fault.rule == rule
    assert "secret" not in fault.reason


def test_one_resource_a_bundle_and_a_line_each(tmp_path):
    one, two = report(), report(id="r2", identifier=[{**ACCESSION, "value": "ACC2"}])
    (tmp_path / "one.json").write_text(json.dumps(one, indent=2))
    bundle = {"resourceType": "Bundle", "type": "collection"}
    bundle["entry"] = [{"resource": {"resourceType": "Patient"}}, {"resource": one}]
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    lines = [json.dumps(one), "{broken", "", json.dumps({"resourceType": "Patient"})]
    (tmp_path / "bulk.ndjson").write_text("\n".join([*lines, json.dumps(two)]))
    assert [row["exam_id"] for row in read(tmp_path / "one.json")[0]] == ["ACC1"]
    (row,) = read(tmp_path / "bundle.json")[0]
    assert row["reference"] == "bundle.json entry 2"
    reports, rejected = read(tmp_path / "bulk.ndjson")
    assert [row["exam_id"] for row in reports] == ["ACC1", "ACC2"]
    assert [(row["rule"], row["reference"]) for row in rejected] == [
        ("line_not_json", "bulk.ndjson line 2")
    ]
    assert len(read(tmp_path)[0]) == 4


def test_a_cancelled_report_needs_no_text(tmp_path):
    file = tmp_path / "a.json"
    file.write_text(json.dumps(report(status="cancelled", presentedForm=None)))
    assert [row["status"] for row in read(file)[0]] == ["retracted"]


def test_files_that_hold_no_report_are_an_error_of_one_line(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"resourceType": "Patient"}')
    with pytest.raises(EmptySourceError, match="holds no DiagnosticReport"):
        read(file)
    file.write_text("[" * 100_000)
    with pytest.raises(SourceError, match="is not JSON"):
        read(file)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    key=st.sampled_from(sorted(report())),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=6,
    ),
)
def test_a_field_of_any_shape_is_a_report_or_a_fault(key, value):
    parse({**report(), key: value})
