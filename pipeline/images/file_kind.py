"""What kind of file an image is, told by its content, and how much of one is read at all."""

import stat
from pathlib import Path
from typing import Literal

from pipeline.images.unusable import UnusableImage

# A 40-megapixel radiograph of 16 bits has 80 MB; a file beyond this is no radiograph.
LONGEST_FILE = 500_000_000

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def file_kind(path: Path) -> Literal["picture", "dicom"]:
    """Return ``picture`` for a PNG or JPEG, ``dicom`` for what may be DICOM.

    DICOM without its 128-byte preamble has no mark to know it by, so whatever is no picture may
    be DICOM.

    Raises
    ------
    UnusableImage
        The file is a pipe or device (which could be read for ever), empty, or too large.
    OSError
        The file cannot be read.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(21, "Is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise UnusableImage("not_an_image", "not a regular file")
    if status.st_size == 0:
        raise UnusableImage("empty", "the file is empty")
    if status.st_size > LONGEST_FILE:
        raise UnusableImage("too_large", f"the file is larger than {LONGEST_FILE // 10**6} MB")
    with path.open("rb") as file:
        head = file.read(len(_PNG))
    return "picture" if head.startswith((_PNG, _JPEG)) else "dicom"
