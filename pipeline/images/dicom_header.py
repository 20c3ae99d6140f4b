"""The header of a DICOM file: what it is, whose it is, and whether it is a usable radiograph."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

from pipeline.images.image_rules import ImageRules, view_name
from pipeline.images.unusable import UnusableImage


def describe_dicom(path: Path, rules: ImageRules, found: dict[str, Any]) -> None:
    """Fill `found` (see `describe_image`) from a DICOM file.

    Raises
    ------
    UnusableImage
        The file is no DICOM image, is cut short, or breaks a rule; `found` holds what was read.
    """
    dataset = read_dicom(path)
    found["format"] = "DICOM"
    found["image_id"] = _text(dataset, "SOPInstanceUID") or path.stem
    found["exam_id"] = (
        _text(dataset, "AccessionNumber") or _text(dataset, "StudyInstanceUID") or None
    )
    found["patient_id"] = _text(dataset, "PatientID") or None
    found["view"] = view_name(_text(dataset, "ViewPosition"))
    found["photometric"] = _text(dataset, "PhotometricInterpretation") or None
    rows, columns = _number(dataset, "Rows", 0), _number(dataset, "Columns", 0)
    found["rows"], found["columns"] = rows or None, columns or None
    frames = _number(dataset, "NumberOfFrames", 1)
    rules.check_kind(
        _text(dataset, "Modality").upper(), _text(dataset, "BodyPartExamined").upper(), frames
    )
    if "PixelData" not in dataset:
        raise UnusableImage("no_pixels", "the file holds no pixel data")
    rules.check_size(rows, columns)
    pixels = dataset.PixelData
    found["pixel_digest"] = hashlib.sha256(pixels).hexdigest()
    _check_length(dataset, len(pixels), rows * columns * frames)
    rules.check_view(found["view"])


def read_dicom(path: Path) -> Any:
    """Read a DICOM file, pixel data still encoded.

    Raises
    ------
    UnusableImage
        The file is not DICOM, or is damaged.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Files without the 128-byte preamble are common in old archives; force reads them,
            # and what is not DICOM at all then shows no image header.
            dataset = pydicom.dcmread(path, force=True)
            known = "SOPClassUID" in dataset or "Rows" in dataset
    except InvalidDicomError:
        known = False
    except EOFError:
        raise UnusableImage("truncated", "the file ends before its header does") from None
    except OSError:
        raise
    except Exception:
        # pydicom raises many kinds on a damaged file; all mean the same to the user.
        raise UnusableImage("damaged", "the DICOM header cannot be read") from None
    if not known:
        raise UnusableImage("not_an_image", "neither DICOM nor PNG nor JPEG")
    if "TransferSyntaxUID" not in dataset.file_meta:
        from pydicom.uid import ImplicitVRLittleEndian

        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return dataset


def _check_length(dataset: Any, length: int, pixels: int) -> None:
    """Refuse pixel data that is shorter than its header says."""
    bits = _number(dataset, "BitsAllocated", 8) * _number(dataset, "SamplesPerPixel", 1)
    syntax = dataset.file_meta.TransferSyntaxUID
    expected = pixels * bits // 8
    if (not syntax.is_encapsulated and length < expected) or length == 0:
        share = 100 * length // max(expected, 1)
        raise UnusableImage(
            "truncated", f"the pixel data is cut short: {share} % of what the header says"
        )


def _text(dataset: Any, name: str) -> str:
    try:
        value = dataset.get(name)
    except Exception:
        # A damaged element raises when it is first looked at.
        return ""
    return "" if value is None else str(value).strip()


def _number(dataset: Any, name: str, missing: int) -> int:
    try:
        return int(_text(dataset, name) or missing)
    except ValueError:
        return missing
