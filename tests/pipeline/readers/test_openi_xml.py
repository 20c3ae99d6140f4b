"""OpenI XML: sections, human codes apart from the report, and files that mean harm."""

import csv
import io
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.readers import ColumnMapping, EmptySourceError, SourceError, read_reports
from pipeline.readers.openi_xml import MAX_DOCUMENT_BYTES


def document(uid: str = "CXR7", findings: str = "No effusion.", more: str = "") -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="{uid}"/><MedlineCitation><Article><Abstract>
  <AbstractText Label="COMPARISON"/>
  <AbstractText Label="INDICATION">cough &amp; fever</AbstractText>
  <AbstractText Label="FINDINGS">{findings}</AbstractText>
  <AbstractText Label="IMPRESSION"> </AbstractText>
</Abstract></Article></MedlineCitation>
<MeSH><major>Pleural Effusion/left</major><major>Pleural Effusion/left</major>
  <automatic>effusion</automatic></MeSH>{more}
</eCitation>"""


def archive(path: Path, members: dict[str, str | bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_a_report_has_its_sections_and_never_its_codes(tmp_path, read_whole):
    path = archive(tmp_path / "n.tgz", {"ecgen/7.xml": document(), "README": "read me"})
    batch = read_whole(path)
    (report,) = batch.reports.to_pylist()
    assert report["exam_id"] == "CXR7"
    assert report["patient_id"] is None
    assert report["sections"] == [
        {"kind": "indication", "text": "cough & fever"},
        {"kind": "findings", "text": "No effusion."},
    ]
    assert (report["source"], report["reference"]) == ("n.tgz", "n.tgz ecgen/7.xml")


def test_codes_come_once_each_in_a_table_of_their_own(tmp_path, read_whole):
    gold = read_whole(archive(tmp_path / "n.tgz", {"7.xml": document()})).gold
    assert gold.select(["exam_id", "coding", "code", "source"]).to_pylist() == [
        {
            "exam_id": "CXR7",
            "coding": "mesh_major",
            "code": "Pleural Effusion/left",
            "source": "n.tgz",
        },
        {"exam_id": "CXR7", "coding": "mesh_automatic", "code": "effusion", "source": "n.tgz"},
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_folder_an_archive_and_a_file_say_the_same(tmp_path, written, read_whole, mode: str):
    file = written("reports/a/7.xml", document())
    ending = ".tar" if mode == "w" else ".tar.gz"
    packed = archive(tmp_path / f"n{ending}", {"a/7.xml": document()}, mode)
    in_folder = read_whole(tmp_path / "reports").reports
    assert in_folder["reference"].to_pylist() == ["reports a/7.xml"]
    fields = ["exam_id", "sections"]
    assert read_whole(packed).reports.select(fields).equals(in_folder.select(fields))
    assert read_whole(file).reports.select(fields).equals(in_folder.select(fields))


def entity_bomb() -> str:
    levels = "".join(f'<!ENTITY l{n} "{"".join([f"&l{n - 1};"] * 10)}">' for n in range(1, 10))
    head, body = document(findings="&l9;").split("?>", 1)
    return f'{head}?><!DOCTYPE eCitation [<!ENTITY l0 "lol">{levels}]>{body}'


def external_entity() -> str:
    head, body = document(findings="&file;").split("?>", 1)
    return f'{head}?><!DOCTYPE e [<!ENTITY file SYSTEM "file:///etc/passwd">]>{body}'


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (document()[:200], "xml_malformed"),
        ("", "xml_malformed"),
        (document(findings="Ödem").encode("cp1252"), "xml_malformed"),
        (document(findings="&undefined;"), "xml_malformed"),
        (entity_bomb(), "xml_doctype"),
        (external_entity(), "xml_doctype"),
        (document(uid=" "), "exam_id_missing"),
        (document(more="x" * MAX_DOCUMENT_BYTES), "file_too_large"),
        (document(findings="x" * 1_000_001), "report_too_long"),
        (document(findings=" ").replace("cough &amp; fever", ""), "report_empty"),
    ],
    ids=range(10),
)
def test_a_bad_document_is_rejected_and_the_rest_goes_on(tmp_path, read_whole, content, rule):
    batch = read_whole(
        archive(tmp_path / "n.tgz", {"1.xml": content, "../../9.xml": document("CXR9")})
    )
    assert batch.reports["exam_id"].to_pylist() == ["CXR9"]
    (rejected,) = batch.rejected.to_pylist()
    assert (rejected["reference"], rejected["rule"]) == ("n.tgz 1.xml", rule)
    assert set(batch.gold["exam_id"].to_pylist()) == {"CXR9"}
    assert [file.name for file in tmp_path.iterdir()] == ["n.tgz"]


def test_links_in_an_archive_are_not_followed(tmp_path, read_whole):
    path = archive(tmp_path / "n.tar", {"1.xml": document()}, "w")
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("2.xml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    batch = read_whole(path)
    assert (batch.reports.num_rows, batch.rejected.num_rows) == (1, 0)


def test_an_archive_that_is_cut_short_is_an_error(tmp_path, read_whole):
    members = {f"{n}.xml": document(f"CXR{n}", findings=str(n**50)) for n in range(200)}
    path = archive(tmp_path / "n.tgz", members)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(SourceError, match="damaged or cut short"):
        read_whole(path)


def test_an_archive_without_reports_is_an_error(tmp_path, read_whole):
    with pytest.raises(EmptySourceError, match=r"no \.xml file"):
        read_whole(archive(tmp_path / "n.tgz", {"README": "read me"}))


def spaced(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.real_data
def test_the_public_reports_read_as_their_table_has_them(real_data: Path):
    package = find_spec("torchxrayvision")
    if package is None or package.origin is None:
        pytest.skip("torchxrayvision carries the archive and is not installed")
    path = Path(package.origin).parent / "data" / "NLMCXR_reports.tgz"
    kinds = ("indication", "comparison", "findings", "impression")
    texts: dict[str, dict[str, str]] = {}
    empty: list[str] = []
    for batch in read_reports(path, ColumnMapping()):
        for report in batch.reports.select(["exam_id", "sections"]).to_pylist():
            sections = {part["kind"]: spaced(part["text"]) for part in report["sections"]}
            texts[report["exam_id"]] = sections
        assert set(batch.rejected["rule"].to_pylist()) <= {"report_empty"}
        empty += batch.rejected["key"].to_pylist()
    assert len(texts) + len(empty) == 3955
    with (real_data / "openi" / "reports.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        expected = {kind: spaced(row[kind]) for kind in kinds if row[kind].strip()}
        assert texts.get(row["uid"], {}) == expected, row["uid"]
        assert (row["uid"] in empty) == (not expected)
