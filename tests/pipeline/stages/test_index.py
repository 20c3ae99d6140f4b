"""Index: which of several files shows an image, and files whose names no table can hold."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.settings import Settings
from pipeline.stages import index as stage
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


def test_a_long_scan_that_dies_goes_on_where_it_was(
    site: Any, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = radiograph(images / "1.dcm")
    for number in range(2, 6):
        (images / f"{number}.dcm").write_bytes(
            whole.replace(b"1.2.3", f"1.2.{number + 2}".encode())
        )
    (images / "6.dcm").write_bytes(whole[:-100])
    told = settings(images, site)
    at_once = index(told).counts
    expected = site.lake.read("images").drop_columns(["run_id", "committed_at"])
    shutil.rmtree(site.folder / "lake")

    monkeypatch.setattr(stage, "FILES_A_COMMIT", 2)
    describe, opened = stage.described, []

    def dies_in_the_third(files: Any, *rest: Any) -> Any:
        opened.extend(files["path"])
        if len(opened) == 6:
            raise KeyboardInterrupt
        return describe(files, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "described", dies_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            index(told)
    assert len(opened) == 6
    again = index(told)
    assert (again.counts["in"], again.counts["indexed"], again.counts["unchanged"]) == (6, 1, 4)
    found = site.lake.read("images").drop_columns(["run_id", "committed_at"])
    assert found.sort_by("image_id").equals(expected.sort_by("image_id"))

    seen: list[tuple[int, int]] = []
    forced = index(told, force=True, progress=lambda done, due, _: seen.append((done, due)))
    assert {name: forced.counts[name] for name in at_once} == at_once
    assert seen == [(2, 6), (4, 6), (6, 6)]
    assert index(told).outcome == "unchanged"
