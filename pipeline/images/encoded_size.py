"""The size that a JPEG, JPEG-LS or JPEG 2000 code stream says of itself.

A decoder makes room for the size in the code stream, not for the one in the DICOM header, so the
first must be checked before decoding.
"""

# Start-of-frame markers (ITU-T T.81 table B.1; T.87 for JPEG-LS): C0 to CF without C4, C8 and CC,
# which are no frames, and F7.
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}

# SOC and SIZ, which open every JPEG 2000 code stream (ITU-T T.800 annex A), perhaps in a JP2 box.
_JPEG_2000 = b"\xff\x4f\xff\x51"
_LONGEST_JP2_BOXES = 65_536


def encoded_size(stream: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a code stream, or None if it is of no known kind."""
    if stream[:2] == b"\xff\xd8":
        return _jpeg_size(stream)
    start = stream[:_LONGEST_JP2_BOXES].find(_JPEG_2000)
    if start < 0 or len(stream) < start + 24:
        return None
    right, below, left, above = (
        int.from_bytes(stream[start + at : start + at + 4], "big") for at in (8, 12, 16, 20)
    )
    return below - above, right - left


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker in _FRAME_MARKERS:
            rows = int.from_bytes(stream[at + 5 : at + 7], "big")
            return rows, int.from_bytes(stream[at + 7 : at + 9], "big")
        # 0xFF before a marker is filling.
        at += 1 if marker == 0xFF else 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None
