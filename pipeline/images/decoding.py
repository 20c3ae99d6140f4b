"""The pixels of an image file as a reader sees them: bright bone, patient's right on the left.

Order of DICOM PS3.4 N.2 (grayscale transformations): modality LUT or rescale, VOI LUT or window,
then presentation: MONOCHROME1 is inverted. Where a file names no window, the 0.5th to 99.5th
percentile is taken for one (our choice: it leaves out burnt-in markers and collimator edges).
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.images.dicom_header import read_dicom
from pipeline.images.unusable import UnusableImage

_PERCENTILES = (0.5, 99.5)


def read_pixels(path: Path) -> np.ndarray:
    """Decode an image file.

    Returns
    -------
    float32 `(rows, columns)` from 0 (black) to 1 (white).

    Raises
    ------
    UnusableImage
        The file cannot be decoded.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return _picture(path)
    return _dicom(path)


def _picture(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            if picture.mode.startswith("I"):
                return np.asarray(picture, dtype=np.float32) / 65535
            return np.asarray(picture.convert("L"), dtype=np.float32) / 255
    except Exception:
        # Pillow raises many kinds on a damaged file; all mean the same to the user.
        raise UnusableImage("damaged", "the picture is damaged or cut short") from None


def _dicom(path: Path) -> np.ndarray:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    dataset = read_dicom(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = dataset.pixel_array
    except Exception:
        # The decoder plugins raise many kinds; which of them failed is of no use to the user.
        syntax = dataset.file_meta.TransferSyntaxUID.name
        raise UnusableImage("undecodable", f"no decoder could read its {syntax} data") from None
    if stored.ndim == 3 and stored.shape[-1] in (3, 4):
        return _upright(_luminance(stored), dataset)
    if stored.ndim != 2:
        raise UnusableImage("multi_frame", "more than one frame; a radiograph has one")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = apply_modality_lut(stored, dataset)
        has_window = "WindowWidth" in dataset or "VOILUTSequence" in dataset
        if has_window:
            values = apply_voi_lut(values, dataset)
    shown = _stretched(np.asarray(values, dtype=np.float32), has_window)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        shown = 1 - shown
    return _upright(shown, dataset)


def _stretched(values: np.ndarray, has_window: bool) -> np.ndarray:
    """Bring values to 0..1: over their range after a window, else between percentiles."""
    limits = (0.0, 100.0) if has_window else _PERCENTILES
    low, high = np.percentile(values, limits)
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        raise UnusableImage("blank", "all its pixels have one value")
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def _luminance(stored: np.ndarray) -> np.ndarray:
    """Return the grey of a colour image (ITU-R BT.601)."""
    grey = stored[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return _stretched(grey, has_window=True)


def _upright(shown: np.ndarray, dataset: Any) -> np.ndarray:
    """Turn an image whose rows run to the patient's right, or columns to the head, around.

    PatientOrientation (DICOM PS3.3 C.7.6.1.1.1) names where rows and columns run to; a chest
    radiograph is read with rows to the patient's left (L) and columns to the feet (F).
    """
    said = dataset.get("PatientOrientation")
    if not said or len(said) != 2:
        return shown
    row, column = str(said[0]).upper(), str(said[1]).upper()
    if row[:1] in ("F", "H") and column[:1] in ("L", "R"):
        shown, row, column = shown.T, column, row
    if row.startswith("R"):
        shown = shown[:, ::-1]
    if column.startswith("H"):
        shown = shown[::-1]
    return np.ascontiguousarray(shown)
