"""Files made to exhaust the machine, to reach others' files, or to run in a spreadsheet or page."""

import csv
import gzip
import io
import os
import struct
import tarfile
import time
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from pipeline.csv_cells import plain_row, plain_table
from pipeline.file_labelling import label_reports_file
from pipeline.image_files import image_files
from pipeline.images import ImageRules, UnusableImage, describe_image
from pipeline.images.decoding import read_pixels
from pipeline.images.deflated import is_deflated
from pipeline.images.encoded_size import encoded_size
from pipeline.readers import delimited_rows, read_reports
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.source_error import SourceError
from pipeline.settings import ImageSettings
from pipeline.user_error import UserError
from tests.pipeline.images.conftest import make_encoded, make_radiograph

MAPPING = ColumnMapping()


def write_dicom(path: Path, dataset: Any) -> Path:
    import pydicom

    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def refused(path: Path) -> str:
    with pytest.raises(UnusableImage) as caught:
        read_pixels(path)
    return caught.value.rule


@pytest.mark.parametrize("ending", ["csv.gz", "jsonl.gz", "tgz"])
def test_a_gzip_bomb_is_refused_before_it_fills_memory(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited_rows, "MOST_INFLATED_BYTES", 1_000_000)
    content = {
        "csv.gz": b"exam_id,text\n" + b"E,x\n" * 2_000_000,
        "jsonl.gz": b'{"exam_id": "E", "text": "x"}\n' * 300_000,
        "tgz": bytes(8_000_000),
    }[ending]
    if ending == "tgz":
        content = tar_of("big.bin", content)
    file = tmp_path / f"reports.{ending}"
    file.write_bytes(gzip.compress(content))
    assert len(content) > 200 * file.stat().st_size
    with pytest.raises(SourceError, match="inflates to more than 200 times its size"):
        list(read_reports(file, MAPPING))


def tar_of(name: str, content: bytes, **header: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for key, value in header.items():
            setattr(member, key, value)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_a_tar_whose_header_is_megabytes_long_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "reports.tar"
    file.write_bytes(tar_of("a.xml", b"<a/>", pax_headers={"comment": "x" * 2_000_000}))
    with pytest.raises(SourceError, match="damaged or cut short"):
        list(read_reports(file, MAPPING))


def test_names_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    file = tmp_path / "box" / "reports.tar"
    document = b'<r><uId id="E1"/><AbstractText>Clear lungs.</AbstractText></r>'
    file.write_bytes(tar_of("../../escaped.xml", document))
    before = set(tmp_path.rglob("*"))
    (batch,) = read_reports(file, MAPPING)
    assert batch.reports["exam_id"].to_pylist() == ["E1"]
    assert set(tmp_path.rglob("*")) == before


def test_a_link_in_an_archive_is_no_report(tmp_path: Path) -> None:
    file = tmp_path / "reports.tar"
    link = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
    file.write_bytes(tar_of("passwd.xml", b"", **link))
    with pytest.raises(SourceError, match=r"holds no \.xml file"):
        list(read_reports(file, MAPPING))


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_pipe_among_reports_is_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml")
    (tmp_path / "b.xml").write_text('<r><uId id="E"/><AbstractText>Clear.</AbstractText></r>')
    (batch,) = read_reports(tmp_path, MAPPING)
    assert batch.reports.num_rows == 1


def test_xml_entities_are_refused_and_depth_is_no_harm(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    (tmp_path / "a.xml").write_text(f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><r>&l9;</r>')
    (tmp_path / "b.xml").write_text("<r>" * 500_000 + "</r>" * 500_000)
    (batch,) = read_reports(tmp_path, MAPPING)
    assert batch.rejected["rule"].to_pylist() == ["xml_doctype", "exam_id_missing"]


def test_json_of_any_depth_is_one_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    deep = '{"exam_id": ' + "[" * 200_000 + "]" * 200_000 + "}"
    file.write_text(f'{deep}\n{{"exam_id": "E", "text": "Clear."}}\n{{"exam_id": {"9" * 9999}}}\n')
    (batch,) = read_reports(file, MAPPING)
    assert batch.rejected["rule"].to_pylist() == ["line_not_json", "line_not_json"]
    assert batch.reports.num_rows == 1


def test_a_parquet_dictionary_that_stands_for_terabytes_is_read_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.readers.parquet.MOST_REPEATED_BYTES", 10_000_000)
    rows = 4_000
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 2_000_000])
    table = pa.table({"exam_id": [str(n) for n in range(rows)], "text": text})
    file = tmp_path / "r.parquet"
    pq.write_table(table, file, compression="zstd", store_schema=False)
    assert file.stat().st_size < 100_000
    batch = next(iter(read_reports(file, MAPPING)))
    assert set(batch.rejected["rule"].to_pylist()) == {"report_too_long"}
    assert batch.rejected.num_rows == 5


def test_a_deflated_data_set_is_found_behind_a_long_header_and_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_radiograph()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = bytes(200_000)
    dataset.file_meta.SourceApplicationEntityTitle = "A"
    path = write_dicom(tmp_path / "late.dcm", dataset)
    assert is_deflated(path)
    monkeypatch.setattr("pipeline.images.deflated.MOST_INFLATED", 1_000)
    assert refused(path) == "too_large"
    # Also where the syntax stands after a long element, out of order.
    content = path.read_bytes()
    uid = DeflatedExplicitVRLittleEndian.encode()
    long = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 100_000) + bytes(100_000)
    at = content.index(b"\x02\x00\x10\x00UI")
    group = struct.unpack_from("<I", content, 140)[0]
    moved = content[:at] + long + content[at:]
    moved = moved[:140] + struct.pack("<I", group + len(long)) + moved[144:]
    assert moved.index(uid) > 65_536
    (tmp_path / "moved.dcm").write_bytes(moved)
    assert refused(tmp_path / "moved.dcm") in ("too_large", "damaged")


def siz(rows: int, columns: int, components: int = 1) -> bytes:
    sizes = struct.pack(">8I", columns, rows, 0, 0, columns, rows, 0, 0)
    return b"\xff\x4f\xff\x51" + struct.pack(">HH", 41, 0) + sizes + struct.pack(">H", components)


@pytest.mark.parametrize(
    "stream",
    [
        siz(65_535, 65_535),
        siz(40, 30, 16_384),
        # A small decoy before the true one.
        b"\0\0\0\x0cjP  \r\n\x87\n" + siz(40, 30) + siz(65_535, 65_535),
    ],
)
def test_a_jpeg_2000_stream_larger_than_its_header_is_not_decoded(
    tmp_path: Path, stream: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pydicom.dataset.Dataset.pixel_array", property(lambda _: pytest.fail("decoded"))
    )
    path = write_dicom(tmp_path / "i.dcm", make_encoded(JPEG2000Lossless, stream + bytes(64)))
    assert refused(path) in ("damaged", "undecodable")


def test_a_hierarchical_jpeg_has_no_size_to_trust() -> None:
    frame = struct.pack(">BHHB", 8, 40, 30, 1)
    plain = b"\xff\xd8\xff\xc0" + struct.pack(">H", 11) + frame + bytes(9)
    assert encoded_size(plain) == (40, 30, 1)
    growing = b"\xff\xd8\xff\xde" + struct.pack(">H", 11) + frame + bytes(3) + plain[2:]
    assert encoded_size(growing) is None


def test_run_lengths_that_stand_for_more_than_the_image_are_not_decoded(tmp_path: Path) -> None:
    def frame(run: bytes) -> bytes:
        return struct.pack("<16I", 1, 64, *[0] * 14) + run

    pixels = bytes([0x81, 7] * 9 + [0xD1, 9])
    bright = frame(pixels)
    dataset = make_encoded(RLELossless, bright)
    assert read_pixels(write_dicom(tmp_path / "good.dcm", dataset)).shape == (40, 30)
    bomb = make_encoded(RLELossless, frame(bytes([0x81, 7]) * 1_000_000))
    assert refused(write_dicom(tmp_path / "bomb.dcm", bomb)) == "damaged"


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ({"NumberOfFrames": 100_000}, "multi_frame"),
        ({"Rows": 65_535, "Columns": 65_535}, "too_large"),
        ({"SamplesPerPixel": 60_000}, "undecodable"),
        ({"BitsAllocated": 65_528}, "undecodable"),
        ({"SegmentedRedPaletteColorLookupTableData": b"\1\0\xff\xff"}, "undecodable"),
    ],
)
def test_a_header_that_asks_for_too_much_is_refused(
    tmp_path: Path, header: dict[str, Any], rule: str
) -> None:
    path = write_dicom(tmp_path / "i.dcm", make_radiograph(**header))
    assert refused(path) == rule
    assert not describe_image(path, ImageRules())["usable"] or "Segmented" in str(header)


def png(rows: int, columns: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    body = b"".join(chunk(*c) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def jpeg(rows: int, columns: int) -> bytes:
    frame = struct.pack(">BHHB", 8, rows, columns, 1) + bytes([1, 0x11, 0])
    return b"\xff\xd8\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


@pytest.mark.parametrize(
    "content",
    [
        png(65_535, 65_535, (b"IDAT", zlib.compress(bytes(10_000)))),
        png(2_000_000_000, 1),
        png(40, 40, (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000)))),
        jpeg(65_535, 65_535),
    ],
)
def test_a_picture_that_would_fill_memory_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "i.png").write_bytes(content)
    assert refused(tmp_path / "i.png") in ("too_large", "damaged")
    assert not describe_image(tmp_path / "i.png", ImageRules())["usable"]


@pytest.mark.parametrize("told", ["../secret.png", "/etc/passwd", "a/../../secret.png"])
def test_a_path_in_an_image_list_reaches_nothing_outside_the_folder(
    tmp_path: Path, told: str
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "a.png").write_bytes(b"a")
    (tmp_path / "list.csv").write_text(f"path,exam_id\n{told},E1\na.png,E2\n")
    files = image_files(ImageSettings(path=folder, list_file=tmp_path / "list.csv"))
    assert files["path"].to_list() == [str(folder / "a.png")]
    assert files["exam_id"].to_list() == ["E2"]


FORMULAS = ["=1+2", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"]
NUMBERS = ["-1", "+0.5", "-2e-3", "plain", "", None]


def test_no_cell_of_a_csv_file_is_a_formula() -> None:
    assert [*plain_row(dict.fromkeys(FORMULAS, "=x")).values()] == ["'=x"] * len(FORMULAS)
    column = pa.array([*FORMULAS, *NUMBERS], pa.string())
    told = plain_table(pa.table({"text": column, "n": range(len(column))}))
    assert told["text"].to_pylist() == [*(f"'{cell}" for cell in FORMULAS), *NUMBERS]
    assert plain_row({"a": -1.5, "b": "-1"}) == {"a": -1.5, "b": "-1"}


def test_every_csv_file_is_written_through_plain_cells() -> None:
    """A new export must not forget them."""
    house = Path(__file__).resolve().parents[2]
    writing = [
        file
        for package in ("pipeline", "flows", "labelers", "training", "data_contracts")
        for file in (house / package).rglob("*.py")
        if any(word in file.read_text() for word in ("write_csv(", "csv.writer(", "DictWriter("))
    ]
    assert len(writing) >= 5
    for file in writing:
        content = file.read_text()
        assert "plain_row" in content or "plain_table" in content, file


def test_quarantine_of_a_label_run_holds_no_formula(tmp_path: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("exam_id,text\n=HYPERLINK(),\n")
    with pytest.raises(UserError):
        label_reports_file(file, MAPPING, "csv", "chexpert14", tmp_path / "l.parquet", workers=1)
    with (tmp_path / "l.quarantine.csv").open(newline="") as opened:
        rows = list(csv.reader(opened))
    assert rows[1][0] == "'=HYPERLINK()"


HL7 = (
    "MSH|^~\\&|RIS|H|R|H|20200101||ORU^R01^ORU_R01|1|P|2.5\r"
    "OBR|1||A1|CXR^Chest||20200101|20200101||||||||||||||||||F\r"
    "OBX|1|TX|GDT^Findings||Clear lungs.||||||F\r"
)


def test_a_message_of_a_million_lines_or_fields_is_read_in_linear_time(tmp_path: Path) -> None:
    file = tmp_path / "r.hl7"
    begun = time.process_time()
    for more in ("a\r" * 1_000_000, "OBX|1|TX|GDT||" + "a^" * 1_000_000 + "\r"):
        file.write_text(HL7 + more)
        (batch,) = read_reports(file, MAPPING)
        assert batch.reports.num_rows + batch.rejected.num_rows == 1
    assert batch.rejected["rule"].to_pylist() == ["message_too_long"]
    assert time.process_time() - begun < 10
