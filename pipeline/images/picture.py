"""PNG and JPEG files, opened without decoding."""

import warnings
from pathlib import Path
from typing import Any

from pipeline.images.unusable import UnusableImage


def open_picture(path: Path) -> Any:
    """Open a PNG or JPEG as a Pillow image; its size is known, nothing is decoded yet.

    Raises
    ------
    UnusableImage
        The picture is damaged, or says it has more pixels than Pillow accepts.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; `ImageRules` decides on them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path, formats=("PNG", "JPEG"))
    except Image.DecompressionBombError:
        raise UnusableImage("too_large", "more pixels than a radiograph has") from None
    except Exception:
        # Pillow raises many kinds on a damaged file; all mean the same to the user.
        raise UnusableImage("damaged", "the picture is damaged or cut short") from None
