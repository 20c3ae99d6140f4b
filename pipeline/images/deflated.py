"""DICOM files whose data set is deflated, inflated to a bound.

pydicom inflates such a file whole, whatever it grows to: a file of a few megabytes can take all
memory of the machine.
"""

import mmap
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

from pipeline.images.unusable import UnusableImage

# Room for a 40-megapixel image of 16 bits and a long header.
MOST_INFLATED = 160_000_000

# The preamble and "DICM", then the element that gives the length of the file header after itself
# (DICOM PS3.10 section 7.1).
_PREAMBLE, _LENGTH_ELEMENT = 132, 12


def is_deflated(path: Path) -> bool:
    """Return whether the header of a DICOM file says that its data set is deflated.

    Raises
    ------
    pydicom.errors.InvalidDicomError
        It may be, but has no preamble, without which its data set cannot be found.
    """
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    # Looked for in the whole file: what stands before it in the header may be as long as it likes.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(DeflatedExplicitVRLittleEndian.encode()) < 0:
            return False
    return read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian


def read_deflated(path: Path) -> Any:
    """Read a deflated DICOM file as a pydicom dataset that is not deflated.

    Raises
    ------
    UnusableImage
        The data set inflates to more than `MOST_INFLATED` bytes.
    zlib.error
        It is damaged.
    """
    from pydicom.filereader import read_dataset, read_file_meta_info
    from pydicom.uid import ExplicitVRLittleEndian

    meta = read_file_meta_info(path)
    start = _PREAMBLE + _LENGTH_ELEMENT + int(meta.FileMetaInformationGroupLength)
    with path.open("rb") as file:
        file.seek(start)
        stream = file.read()
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(stream, MOST_INFLATED)
    if inflater.unconsumed_tail:
        raise UnusableImage("too_large", "its deflated data set is larger than a radiograph's")
    dataset = read_dataset(BytesIO(inflated), is_implicit_VR=False, is_little_endian=True)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta = meta
    return dataset
