"""The pixels of an image file as a reader sees them: bright bone, patient's right on the left.

Order of DICOM PS3.4 N.2 (grayscale transformations): modality LUT or rescale, VOI LUT or window,
then presentation: MONOCHROME1 is inverted. Where a file names no window, or one that cannot be
applied or leaves nothing to see, the 0.5th to 99.5th percentile is taken for one (our choice: it
leaves out burnt-in markers and collimator edges).
"""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.images.dicom_header import read_dicom
from pipeline.images.encoded_size import encoded_size
from pipeline.images.file_kind import file_kind
from pipeline.images.image_rules import ImageRules
from pipeline.images.picture import open_picture
from pipeline.images.pydicom_silence import silent_pydicom
from pipeline.images.run_lengths import is_of_size
from pipeline.images.unusable import UnusableImage

_PERCENTILES = (0.5, 99.5)
_WHOLE_RANGE = (0.0, 100.0)
_RULES = ImageRules()
# Samples and bits a pixel that are decoded: grey or colour of 8 to 32 bits.
_SAMPLES, _MOST_BITS = (1, 3), 32


def read_pixels(path: Path) -> np.ndarray:
    """Decode an image file.

    Returns
    -------
    float32 `(rows, columns)` from 0 (black) to 1 (white).

    Raises
    ------
    UnusableImage
        The file cannot be decoded, or has more pixels than `ImageRules` allows; whether it is a
        chest radiograph at all is for `describe_image` to say.
    OSError
        The file cannot be read.
    """
    return _picture(path) if file_kind(path) == "picture" else _dicom(path)


def _picture(path: Path) -> np.ndarray:
    try:
        with open_picture(path) as picture:
            _RULES.check_size(picture.height, picture.width)
            if picture.mode.startswith("I"):
                return np.asarray(picture, dtype=np.float32) / 65535
            return np.asarray(picture.convert("L"), dtype=np.float32) / 255
    except UnusableImage:
        raise
    except Exception:
        # Pillow raises many kinds on a damaged file; all mean the same to the user.
        raise UnusableImage("damaged", "the picture is damaged or cut short") from None


def _dicom(path: Path) -> np.ndarray:
    with silent_pydicom():
        try:
            dataset = read_dicom(path)
            return _upright(_shown(dataset), dataset)
        except (OSError, UnusableImage):
            raise
        except Exception:
            # pydicom reads an element when it is first looked at and raises many kinds on damage.
            raise UnusableImage("damaged", "the DICOM header cannot be read") from None


def _shown(dataset: Any) -> np.ndarray:
    """Decode, and apply the grayscale transformations that the header gives."""
    from pydicom.pixels import apply_color_lut, apply_modality_lut

    try:
        _check_size(dataset)
        stored = dataset.pixel_array
        if dataset.PhotometricInterpretation == "PALETTE COLOR" and stored.ndim == 2:
            stored = apply_color_lut(stored, dataset)
    except UnusableImage:
        raise
    except Exception:
        # The decoder plugins raise many kinds; which of them failed is of no use to the user.
        syntax = dataset.file_meta.TransferSyntaxUID.name
        raise UnusableImage("undecodable", f"no decoder could read its {syntax} data") from None
    if stored.ndim == 3 and stored.shape[-1] in (3, 4):
        return _luminance(stored)
    if stored.ndim != 2:
        raise UnusableImage("multi_frame", "more than one frame; a radiograph has one")
    try:
        values = apply_modality_lut(stored, dataset)
    except Exception:
        raise UnusableImage("damaged", "its modality LUT or rescale is damaged") from None
    if not np.isfinite(values).all():
        raise UnusableImage("damaged", "its modality LUT or rescale is damaged")
    windowed = _windowed(values, dataset)
    if windowed is None:
        shown = _stretched(values, _PERCENTILES)
    else:
        shown = _stretched(windowed, _WHOLE_RANGE)
    return 1 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown


def _check_size(dataset: Any) -> None:
    """Refuse too many pixels before a decoder makes room for them."""
    from pydicom.encaps import generate_frames
    from pydicom.uid import RLELossless

    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples, bits = int(dataset.SamplesPerPixel), int(dataset.BitsAllocated)
    _RULES.check_size(rows, columns)
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        raise UnusableImage("multi_frame", "more than one frame; a radiograph has one")
    if samples not in _SAMPLES or bits > _MOST_BITS:
        raise UnusableImage("undecodable", "it has more samples or bits a pixel than are read")
    if dataset.dir("Segmented"):
        # A few words of such a table can stand for gigabytes.
        raise UnusableImage("undecodable", "its palette is segmented, which is not read")
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    if syntax == RLELossless:
        whole = is_of_size(frame, rows * columns, samples * ((bits + 7) // 8))
    else:
        size = encoded_size(frame)
        if size is None:
            raise UnusableImage("undecodable", f"no decoder could read its {syntax.name} data")
        whole = size == (rows, columns, samples)
    if not whole:
        raise UnusableImage("damaged", "the encoded image is not of the size its header says")


def _windowed(values: np.ndarray, dataset: Any) -> np.ndarray | None:
    """Apply the VOI LUT or the first window; None without one that shows anything."""
    from pydicom.pixels import apply_voi_lut

    try:
        windowed: np.ndarray = apply_voi_lut(values, dataset)
    except Exception:
        # Windows of width 0 and LUTs without data occur; pydicom raises many kinds on them.
        return None
    # Without a window pydicom gives back what it was given.
    useless = windowed is values or not np.isfinite(windowed).all() or np.ptp(windowed) == 0
    return None if useless else windowed


def _stretched(values: np.ndarray, percentiles: tuple[float, float]) -> np.ndarray:
    """Bring values from between two percentiles of theirs to 0..1, float32."""
    values = np.asarray(values, dtype=np.float32)
    low, high = (float(limit) for limit in np.percentile(values, percentiles))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    if high <= low:
        raise UnusableImage("blank", "all its pixels have one value")
    stretched: np.ndarray = np.clip((values - low) / (high - low), 0, 1)
    return stretched


def _luminance(stored: np.ndarray) -> np.ndarray:
    """Return the grey of a colour image (ITU-R BT.601)."""
    grey = stored[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return _stretched(grey, _WHOLE_RANGE)


def _upright(shown: np.ndarray, dataset: Any) -> np.ndarray:
    """Turn an image whose rows run to the patient's right, or columns to the head, around.

    PatientOrientation (DICOM PS3.3 C.7.6.1.1.1) names where rows and columns run to; a chest
    radiograph is read with rows to the patient's left (L) and columns to the feet (F). It already
    tells the outcome of the turns and flips that FieldOfViewRotation and FieldOfViewHorizontalFlip
    report of the past, so those are not applied again.
    """
    try:
        row, column = (str(said).upper() for said in dataset.PatientOrientation)
    except (AttributeError, TypeError, ValueError):
        # Not said, or not as two directions.
        return shown
    if row[:1] in ("F", "H") and column[:1] in ("L", "R"):
        shown, row, column = shown.T, column, row
    if row.startswith("R"):
        shown = shown[:, ::-1]
    if column.startswith("H"):
        shown = shown[::-1]
    return np.ascontiguousarray(shown)
