"""Phantoms are written as valid DICOM, once, and the same every time."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pydicom
import pytest

from pipeline.demo.phantom_dicom import phantom_dataset, phantom_seed, write_phantoms
from pipeline.images.description import describe_image
from pipeline.images.image_rules import ImageRules
from pipeline.stage_summary import silent
from pipeline.user_error import UserError

EXAMS = ["E1", "E2", "E3", "E4"]


def gold_of(**codes: list[str]) -> pa.Table:
    rows = [(exam, code) for exam, said in codes.items() for code in said]
    return pa.table(
        {
            "exam_id": [exam for exam, _ in rows],
            "coding": ["mesh_major"] * len(rows),
            "code": [code for _, code in rows],
        }
    )


GOLD = gold_of(E1=["normal"], E2=["Cardiomegaly", "Mass/lung"], E3=["normal"], E4=["normal"])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms")
    told: list[tuple[int, int]] = []
    assert write_phantoms(GOLD, EXAMS, folder, lambda d, t, n: told.append((d, t))) == 4
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)
    return folder


def test_each_exam_has_one_file_that_is_a_usable_radiograph(written: Path) -> None:
    assert sorted(file.name for file in written.iterdir()) == [f"{exam}.dcm" for exam in EXAMS]
    for exam in EXAMS:
        found = describe_image(written / f"{exam}.dcm", ImageRules())
        assert found["usable"], found["reason"]
        assert (found["exam_id"], found["patient_id"], found["view"]) == (exam, exam, "PA")


def test_the_header_says_what_the_file_is(written: Path) -> None:
    data = pydicom.dcmread(written / "E2.dcm")
    assert data.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
    assert data.SOPClassUID == pydicom.uid.ComputedRadiographyImageStorage
    assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID
    assert (data.BitsAllocated, data.BitsStored, data.HighBit) == (16, 12, 11)
    assert (data.Modality, data.BodyPartExamined) == ("CR", "CHEST")
    assert list(data.PatientOrientation) == ["L", "F"]
    assert data.Manufacturer == "RadSim phantom"
    assert data.PatientIdentityRemoved == "YES"
    assert all(spacing > 0 for spacing in data.PixelSpacing)
    pixels = data.pixel_array
    assert pixels.max() < 4096
    low = data.WindowCenter - data.WindowWidth / 2
    assert pixels.min() - 1 <= low < low + data.WindowWidth <= pixels.max() + 1
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = pydicom.uid.UID(data[name].value)
        assert uid.is_valid
        assert uid.startswith("2.25.")


def test_identifiers_differ_between_exams(written: Path) -> None:
    headers = [pydicom.dcmread(file) for file in written.iterdir()]
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert len({data[name].value for data in headers}) == len(EXAMS)


def test_both_photometric_interpretations_show_the_lungs_dark() -> None:
    seen = set()
    for exam in ("A1", "A2", "A3", "A4", "A5", "A6"):
        data = phantom_dataset(exam, ["normal"])
        pixels = np.frombuffer(data.PixelData, "<u2").reshape(data.Rows, data.Columns)
        shown = 4095 - pixels if data.PhotometricInterpretation == "MONOCHROME1" else pixels
        rows, columns = shown.shape
        middle = shown[rows // 3 : rows // 2]
        lung, spine = middle[:, columns // 4], middle[:, columns // 2]
        assert np.median(lung) < np.median(spine)
        seen.add(data.PhotometricInterpretation)
    assert seen == {"MONOCHROME1", "MONOCHROME2"}


def test_a_second_run_leaves_files_alone_and_codes_that_change_redraw_one(written: Path) -> None:
    before = {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in written.iterdir()}
    shuffled = GOLD.take([4, 2, 1, 0, 3])
    assert write_phantoms(shuffled, EXAMS, written, silent) == 0
    assert before == {
        file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in written.iterdir()
    }
    changed = gold_of(
        E1=["normal"], E2=["Cardiomegaly", "Mass/lung"], E3=["Nodule/lung"], E4=["normal"]
    )
    assert write_phantoms(changed, EXAMS, written, silent) == 1
    assert (written / "E3.dcm").read_bytes() != before["E3.dcm"][1]
    assert write_phantoms(GOLD, EXAMS, written, silent) == 1
    assert (written / "E3.dcm").read_bytes() == before["E3.dcm"][1]


def test_a_damaged_file_is_drawn_again(written: Path) -> None:
    good = (written / "E1.dcm").read_bytes()
    for damaged in (b"", good[:300], b"no DICOM" * 40, good[:-5000]):
        (written / "E1.dcm").write_bytes(damaged)
        assert write_phantoms(GOLD, EXAMS, written, silent) == 1
        assert (written / "E1.dcm").read_bytes() == good


def test_an_exam_without_codes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="1 exams to draw have no mesh_major codes"):
        write_phantoms(GOLD, [*EXAMS, "E5"], tmp_path, silent)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: phantoms cannot be written"):
        write_phantoms(GOLD, EXAMS, tmp_path / "file", silent)


def test_seeds_do_not_depend_on_the_process() -> None:
    assert phantom_seed("CXR1") == 125988102315840
