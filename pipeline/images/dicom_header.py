"""The header of a DICOM file: what it is, whose it is, and whether it is a usable radiograph."""

import hashlib
from pathlib import Path
from typing import Any

from pipeline.images.deflated import is_deflated, read_deflated
from pipeline.images.image_rules import ImageRules, is_known, told_view, view_name
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
    view = _view(dataset)
    found["view"] = told_view(view, rules.views)
    photometric = _text(dataset, "PhotometricInterpretation")
    found["photometric"] = photometric if is_known(photometric, "photometric") else None
    rows, columns = _number(dataset, "Rows", 0), _number(dataset, "Columns", 0)
    found["rows"], found["columns"] = rows or None, columns or None
    frames = _number(dataset, "NumberOfFrames", 1)
    modality = _text(dataset, "Modality").upper()
    if modality or "PixelData" in dataset:
        rules.check_kind(modality, _text(dataset, "BodyPartExamined").upper(), frames)
    if "PixelData" not in dataset:
        raise UnusableImage("no_pixels", "the file holds no pixel data, or ends before them")
    rules.check_size(rows, columns)
    pixels = dataset.PixelData
    found["pixel_digest"] = hashlib.sha256(pixels).hexdigest()
    _check_length(dataset, len(pixels), rows * columns * frames)
    rules.check_view(view)


def read_dicom(path: Path) -> Any:
    """Read a DICOM file, pixel data still encoded.

    Raises
    ------
    UnusableImage
        The file is not DICOM, or is damaged.
    """
    import pydicom
    from pydicom.uid import UID, ImplicitVRLittleEndian

    try:
        # Files without the 128-byte preamble are common in old archives; force reads them, and
        # what is not DICOM at all then shows no image header.
        dataset = read_deflated(path) if is_deflated(path) else pydicom.dcmread(path, force=True)
    except UnusableImage:
        raise
    except OSError as error:
        if error.errno is None:
            # pydicom's own, on a damaged file, not the system's.
            raise UnusableImage("damaged", "the DICOM header cannot be read") from None
        raise
    except EOFError:
        raise UnusableImage("truncated", "the file ends before its header does") from None
    except Exception:
        # pydicom raises many kinds on a damaged file; all mean the same to the user.
        raise UnusableImage("damaged", "the DICOM header cannot be read") from None
    if "SOPClassUID" not in dataset and "Rows" not in dataset:
        raise _not_an_image(path, dataset)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    syntax = dataset.file_meta.TransferSyntaxUID
    if not isinstance(syntax, UID) or not syntax.is_transfer_syntax:
        raise UnusableImage("damaged", "its transfer syntax is none that is known")
    return dataset


def _not_an_image(path: Path, dataset: Any) -> UnusableImage:
    """Return why a file that shows no image header is none."""
    from pydicom.uid import MediaStorageDirectoryStorage

    with path.open("rb") as file:
        marked = file.read(132)[128:] == b"DICM"
    if not marked:
        return UnusableImage("not_an_image", "neither DICOM nor PNG nor JPEG")
    if dataset.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        return UnusableImage("not_an_image", "a DICOM directory, not an image")
    return UnusableImage("truncated", "the file ends before its header does")


def _view(dataset: Any) -> str | None:
    """Return the view that ViewPosition says, else the meaning of ViewCodeSequence.

    Digital radiographs (DX) must give the code and may leave the position out (DICOM PS3.3
    C.8.11.5).
    """
    said = view_name(_text(dataset, "ViewPosition"))
    if said:
        return said
    try:
        return view_name(_text(dataset.ViewCodeSequence[0], "CodeMeaning"))
    except (AttributeError, IndexError, TypeError):
        return None


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
