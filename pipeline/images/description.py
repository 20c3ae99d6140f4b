"""What an image file is: format, view, size, whose it is, and whether it can be used.

Only headers are read; nothing is decoded. The format is told by the file's content.
"""

import hashlib
from pathlib import Path
from typing import Any

from pipeline.flaky_reads import read_again
from pipeline.images.dicom_header import describe_dicom
from pipeline.images.file_kind import file_kind
from pipeline.images.image_rules import ImageRules
from pipeline.images.picture import open_picture
from pipeline.images.pydicom_silence import silent_pydicom
from pipeline.images.unusable import UnusableImage


def describe_image(path: Path, rules: ImageRules) -> dict[str, Any]:
    """Describe one file; never raises on a bad one.

    Returns
    -------
    image_id, exam_id, patient_id (as the file says them, exam and patient null where it does
    not), format, view, rows, columns, photometric, pixel_digest (SHA-256 of the stored pixel
    data; of the whole file for PNG and JPEG), usable, and reason (``rule: why``, null if usable).
    """
    found: dict[str, Any] = {
        "image_id": path.stem,
        "exam_id": None,
        "patient_id": None,
        "format": None,
        "view": None,
        "rows": None,
        "columns": None,
        "photometric": None,
        "pixel_digest": None,
        "usable": False,
        "reason": None,
    }
    try:
        with silent_pydicom():
            read_again(_describe, path, rules, found)
        found["usable"] = True
    except UnusableImage as error:
        found["reason"] = str(error)
    except OSError as error:
        found["reason"] = f"unreadable: the file cannot be read ({error.strerror or 'damaged'})"
    except Exception:
        # pydicom reads an element when it is first looked at and raises many kinds on damage.
        found["reason"] = "damaged: the DICOM header cannot be read"
    return found


def _describe(path: Path, rules: ImageRules, found: dict[str, Any]) -> None:
    describe = _describe_picture if file_kind(path) == "picture" else describe_dicom
    describe(path, rules, found)


def _describe_picture(path: Path, rules: ImageRules, found: dict[str, Any]) -> None:
    """Describe a PNG or JPEG, which knows neither its exam nor its view."""
    try:
        with open_picture(path) as picture:
            found["format"] = picture.format
            found["columns"], found["rows"] = picture.size
            found["photometric"] = "MONOCHROME2" if len(picture.getbands()) == 1 else "RGB"
            rules.check_size(found["rows"], found["columns"])
            if getattr(picture, "n_frames", 1) > 1:
                raise UnusableImage("multi_frame", "more than one frame; a radiograph has one")
            picture.verify()
    except UnusableImage:
        raise
    except Exception:
        # Pillow raises many kinds on a damaged file; all mean the same to the user.
        raise UnusableImage("damaged", "the picture is damaged or cut short") from None
    found["pixel_digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
