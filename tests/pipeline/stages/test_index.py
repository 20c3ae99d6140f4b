"""Index: which of several files shows an image, and files whose names no table can hold."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.settings import Settings
from pipeline.stages.index import index


@pytest.fixture
def images(site: Any) -> Path:
    """Return an empty folder of images."""
    folder: Path = site.folder / "images"
    folder.mkdir()
    return folder


def settings(images: Path, site: Any) -> Settings:
    told: Settings = site.settings(images={"path": images})
    return told


def radiograph(file: Path) -> bytes:
    """Write a small radiograph and return its bytes."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    dataset.AccessionNumber, dataset.Modality, dataset.ViewPosition = "E1", "CR", "PA"
    dataset.Rows = dataset.Columns = 40
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = np.arange(1600, dtype=np.uint16).tobytes()
    dataset.save_as(file, enforce_file_format=True)
    return file.read_bytes()


def test_a_whole_file_takes_the_place_of_a_damaged_one_of_the_same_image(
    site: Any, images: Path, no_rows_added: Any
) -> None:
    whole = radiograph(images / "first.dcm")
    (images / "first.dcm").write_bytes(whole[:-100])
    assert index(settings(images, site)).counts["quarantined"] == 1
    (images / "second.dcm").write_bytes(whole)
    summary = index(settings(images, site))
    assert (summary.counts["indexed"], summary.counts["quarantined"]) == (1, 1)
    (row,) = site.lake.read("images").to_pylist()
    assert (Path(row["path"]).name, row["usable"]) == ("second.dcm", True)
    assert site.column("quarantine", "reference") == ["first.dcm"]
    before = no_rows_added(site.lake)
    again = index(settings(images, site))
    assert (again.outcome, again.counts["unchanged"]) == ("unchanged", 1)
    assert no_rows_added(site.lake) == before


def test_a_file_name_that_is_not_utf8_is_set_aside_and_the_rest_goes_on(
    site: Any, images: Path
) -> None:
    whole = radiograph(images / "good.dcm")
    bad = Path(os.fsdecode(os.fsencode(images) + b"/caf\xe9.dcm"))
    try:
        bad.write_bytes(whole)
    except OSError:
        pytest.skip("this file system takes no such name")
    summary = index(settings(images, site))
    assert (summary.counts["indexed"], summary.counts["quarantined"]) == (1, 1)
    assert site.column("quarantine", "reference") == [r"caf\xe9.dcm"]
