"""The size that a JPEG, JPEG-LS or JPEG 2000 code stream says of itself.

A decoder makes room for the size in the code stream, not for the one in the DICOM header, so the
first must be checked before decoding: rows, columns and the number of components, which JPEG 2000
allows to be 16,384.
"""

# Start-of-frame markers (ITU-T T.81 table B.1; T.87 for JPEG-LS): C0 to CF without C4, C8 and CC,
# which are no frames, and F7.
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}

_HIERARCHICAL = 0xDE

# SOC and SIZ, which open every JPEG 2000 code stream (ITU-T T.800 annex A), perhaps in a JP2 box.
_JPEG_2000 = b"\xff\x4f\xff\x51"


def encoded_size(stream: bytes) -> tuple[int, int, int] | None:
    """Return rows, columns and components of a code stream, or None if it is of no known kind."""
    if stream[:2] == b"\xff\xd8":
        return _jpeg_size(stream)
    # Every place where one may begin: a box before the true one could hold a small decoy.
    sizes = set()
    start = stream.find(_JPEG_2000)
    while start >= 0:
        sizes.add(_jpeg_2000_size(stream[start : start + 42]))
        start = stream.find(_JPEG_2000, start + 1)
    return sizes.pop() if len(sizes) == 1 else None


def _jpeg_2000_size(start: bytes) -> tuple[int, int, int] | None:
    if len(start) < 42:
        return None
    right, below, left, above = (
        int.from_bytes(start[at : at + 4], "big") for at in (8, 12, 16, 20)
    )
    components = int.from_bytes(start[40:42], "big")
    return below - above, right - left, components


def _jpeg_size(stream: bytes) -> tuple[int, int, int] | None:
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == _HIERARCHICAL:
            # Its frames may grow beyond the size of the first; no radiograph is stored so.
            return None
        if marker in _FRAME_MARKERS:
            rows = int.from_bytes(stream[at + 5 : at + 7], "big")
            return rows, int.from_bytes(stream[at + 7 : at + 9], "big"), stream[at + 9]
        # 0xFF before a marker is filling.
        at += 1 if marker == 0xFF else 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None
