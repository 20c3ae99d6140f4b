"""Whether DICOM's run-length code (PS3.5 annex G) holds no more than an image of its size.

Two bytes of it can stand for 128, and pydicom writes out all that is there before it looks at the
size: a file of a few megabytes could take all memory.
"""

from itertools import pairwise

_SEGMENTS = 15
_HEADER = 64


def is_of_size(frame: bytes, pixels: int, segments: int) -> bool:
    """Say whether a frame has `segments` segments, none much longer than `pixels` bytes."""
    if len(frame) < _HEADER:
        return False
    words = [int.from_bytes(frame[at : at + 4], "little") for at in range(0, _HEADER, 4)]
    count, starts = words[0], words[1:]
    if count != segments or count > _SEGMENTS:
        return False
    edges = [*starts[:count], len(frame)]
    if edges[0] < _HEADER or any(a > b for a, b in pairwise(edges)):
        return False
    return all(
        _decoded_length(frame, begin, end, pixels) <= pixels + 1 for begin, end in pairwise(edges)
    )


def _decoded_length(frame: bytes, begin: int, end: int, enough: int) -> int:
    """Return how many bytes a segment stands for; counting ends beyond `enough`."""
    at, length = begin, 0
    while at < end and length <= enough + 1:
        run = frame[at]
        if run < 128:
            length += run + 1
            at += run + 2
        else:
            # 128 is no operation, 257 - run bytes are one byte repeated.
            length += 257 - run if run > 128 else 0
            at += 2 if run > 128 else 1
    return length
