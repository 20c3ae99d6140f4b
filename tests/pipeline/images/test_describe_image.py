"""A file's description: whose it is, what it is, and why it is not used."""

import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from pipeline.images import ImageRules, describe_image

RULES = ImageRules()
GREY = Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(40, 30))


def rule_of(path: Path, rules: ImageRules = RULES) -> str | None:
    found = describe_image(path, rules)
    assert found["usable"] is (found["reason"] is None)
    return found["reason"].split(": ")[0] if found["reason"] else None


def test_a_radiograph_is_described_by_its_header(written, radiograph):
    data = radiograph()
    assert describe_image(written(data), RULES) == {
        "image_id": "1.2.3.4",
        "exam_id": "A17",
        "patient_id": "P5",
        "format": "DICOM",
        "view": "PA",
        "rows": 40,
        "columns": 30,
        "photometric": "MONOCHROME2",
        "pixel_digest": hashlib.sha256(data.PixelData).hexdigest(),
        "usable": True,
        "reason": None,
    }


def test_without_an_accession_number_the_exam_is_the_study(written, radiograph):
    assert describe_image(written(radiograph(AccessionNumber="")), RULES)["exam_id"] == "1.2.3"


def test_a_changed_header_keeps_the_pixel_digest(written, radiograph):
    first = describe_image(written(radiograph(), "a.dcm"), RULES)
    second = describe_image(written(radiograph(PatientID="P6"), "b.dcm"), RULES)
    assert first["pixel_digest"] == second["pixel_digest"]
    assert second["patient_id"] == "P6"


@pytest.mark.parametrize(
    ("header", "rule"),
    [
        ({"Modality": "CT"}, "modality"),
        ({"Modality": "SR", "PixelData": None}, "modality"),
        ({"Modality": None}, "modality"),
        ({"BodyPartExamined": "HIP"}, "body_part"),
        ({"ViewPosition": "LL"}, "view"),
        ({"ViewPosition": "LATERAL"}, "view"),
        ({"NumberOfFrames": "2", "PixelData": bytes(4800)}, "multi_frame"),
        ({"PixelData": None}, "no_pixels"),
        ({"Rows": 0}, "no_pixels"),
        ({"Rows": 65000, "Columns": 65000}, "too_large"),
        ({"Rows": 41}, "truncated"),
    ],
)
def test_what_is_no_usable_radiograph_is_refused_by_rule(written, radiograph, header, rule):
    path = written(radiograph(**header))
    assert rule_of(path) == rule
    reason = describe_image(path, RULES)["reason"]
    assert "A17" not in reason
    assert "P5" not in reason
    assert "\n" not in reason


@pytest.mark.parametrize(
    "header",
    [
        {"Modality": "DX"},
        {"BodyPartExamined": None},
        {"BodyPartExamined": "thorax"},
        {"BodyPartExamined": "CHEST_ABDOMEN"},
        {"ViewPosition": "ap"},
        {"ViewPosition": None},
    ],
)
def test_headers_that_say_less_or_otherwise_the_same_are_used(written, radiograph, header):
    assert rule_of(written(radiograph(**header))) is None


def test_an_unknown_view_may_be_refused(written, radiograph):
    strict = ImageRules(keep_unknown_view=False)
    assert rule_of(written(radiograph(ViewPosition="")), strict) == "view"


@pytest.mark.parametrize(
    ("meaning", "view"), [("postero-anterior", "PA"), ("Left lateral", "LATERAL")]
)
def test_the_view_code_speaks_where_the_view_position_is_silent(written, radiograph, meaning, view):
    code = Dataset()
    code.CodeMeaning = meaning
    found = describe_image(
        written(radiograph(ViewPosition=None, ViewCodeSequence=[code], Modality="DX")), RULES
    )
    assert found["view"] == view
    assert found["usable"] is (view == "PA")


def test_a_header_value_of_free_text_is_not_repeated(written, radiograph):
    reason = describe_image(written(radiograph(BodyPartExamined="MEYER, ANNA")), RULES)["reason"]
    assert reason.startswith("body_part: ")
    assert "MEYER" not in reason


def test_files_that_are_no_images(written, tmp_path):
    assert rule_of(written(b"", "empty.dcm")) == "empty"
    assert rule_of(written(b"impression: normal\n" * 100, "text.dcm")) == "not_an_image"
    assert rule_of(written(bytes(4000), "zeros.dcm")) == "not_an_image"
    os.mkfifo(tmp_path / "pipe.dcm")
    assert rule_of(tmp_path / "pipe.dcm") == "not_an_image"
    (tmp_path / "folder.dcm").mkdir()
    assert rule_of(tmp_path / "folder.dcm") == "unreadable"
    assert rule_of(tmp_path / "gone.dcm") == "unreadable"


def test_a_dicom_directory_is_no_image(written):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = "1.2"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory = Dataset()
    directory.file_meta = meta
    directory.FileSetID = "DISC"
    found = describe_image(written(directory, "DICOMDIR"), RULES)
    assert found["reason"] == "not_an_image: a DICOM directory, not an image"


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15, 0.2, 0.5, 0.9, 0.999])
def test_a_dicom_file_cut_short_anywhere_is_refused_as_such(written, radiograph, share):
    whole = written(radiograph()).read_bytes()
    cut = written(whole[: int(len(whole) * share)], "cut.dcm")
    assert rule_of(cut) in ("truncated", "no_pixels")


def test_dicom_without_a_preamble_is_read(radiograph, tmp_path):
    path = tmp_path / "old.dcm"
    bare = Dataset(dict(radiograph().items()))
    pydicom.dcmwrite(path, bare, implicit_vr=True, little_endian=True)
    assert path.read_bytes()[128:132] != b"DICM"
    assert rule_of(path) is None


def test_a_deflated_file_is_read_up_to_a_bound(written, radiograph, monkeypatch):
    data = radiograph()
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = written(data)
    assert describe_image(path, RULES)["pixel_digest"] == (
        hashlib.sha256(data.PixelData).hexdigest()
    )
    monkeypatch.setattr("pipeline.images.deflated.MOST_INFLATED", 1000)
    assert rule_of(path) == "too_large"


def test_a_picture_is_told_by_content_and_knows_no_exam(written):
    path = written(GREY, "named_wrongly.dcm", format="PNG")
    found = describe_image(path, RULES)
    assert found["usable"]
    assert found["image_id"] == "named_wrongly"
    assert found["exam_id"] is found["patient_id"] is found["view"] is None
    assert (found["format"], found["rows"], found["columns"]) == ("PNG", 40, 30)
    assert found["pixel_digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert describe_image(written(GREY, "x.jpg"), RULES)["format"] == "JPEG"


def test_damaged_and_oversized_pictures_are_refused(written):
    whole = written(GREY, "a.png").read_bytes()
    assert rule_of(written(whole[: len(whole) * 3 // 5], "cut.png")) == "damaged"
    assert rule_of(written(GREY, "b.png"), ImageRules(max_pixels=1199)) == "too_large"

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(99)))
    assert rule_of(written(bomb + chunk(b"IEND", b""), "bomb.png")) == "too_large"


def test_other_picture_formats_are_refused(written):
    assert rule_of(written(GREY, "a.gif")) == "not_an_image"
    assert rule_of(written(GREY, "a.tif")) == "not_an_image"


@settings(
    deadline=None,
    max_examples=50,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_no_damage_makes_it_raise(written, radiograph, data):
    whole = bytearray(written(radiograph()).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, 700))] = data.draw(st.integers(0, 255))
    found = describe_image(written(bytes(whole), "damaged.dcm"), RULES)
    assert found["usable"] is (found["reason"] is None)
