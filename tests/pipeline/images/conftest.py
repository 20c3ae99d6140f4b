"""DICOM files of invented radiographs, written with pydicom."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

RAMP = np.arange(40 * 30, dtype=np.uint16).reshape(40, 30)


def make_radiograph(pixels: np.ndarray = RAMP, **header: Any) -> Dataset:
    """Return a plain 12-bit CR chest radiograph; a header value of None leaves the element out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID = ComputedRadiographyImageStorage
    data.SOPInstanceUID = "1.2.3.4"
    data.StudyInstanceUID = "1.2.3"
    data.AccessionNumber = "A17"
    data.PatientID = "P5"
    data.Modality = "CR"
    data.BodyPartExamined = "CHEST"
    data.ViewPosition = "PA"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = 8 * pixels.itemsize
    data.BitsStored = 12 if pixels.itemsize == 2 else 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OW"
    with warnings.catch_warnings():
        # Some tests write what the standard forbids.
        warnings.simplefilter("ignore")
        for name, value in header.items():
            if value is None:
                delattr(data, name)
            else:
                setattr(data, name, value)
    return data


def make_encoded(syntax: str, stream: bytes, **header: Any) -> Dataset:
    """Return an 8-bit radiograph of 40 by 30 pixels whose pixel data are `stream`."""
    data = make_radiograph(RAMP.astype(np.uint8), **header)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([stream])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


@pytest.fixture
def radiograph() -> Callable[..., Dataset]:
    return make_radiograph


@pytest.fixture
def encoded() -> Callable[..., Dataset]:
    return make_encoded


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Write a dataset, bytes or a Pillow image under a name, and return its path."""

    def write(content: Any, name: str = "image.dcm", **options: Any) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, Dataset):
            pydicom.dcmwrite(path, content, enforce_file_format=True)
        else:
            content.save(path, **options)
        return path

    return write
