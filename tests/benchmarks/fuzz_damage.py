"""Damage to files, at random, for the fuzz benchmark."""

import gzip
import random
import struct
import zlib


def damaged(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Return a file with one to six damages.

    Half of those that are packed are damaged inside, and packed again with the right sums: a wrong
    sum would be refused before the rest is looked at.
    """
    inside = rng.random() < 0.5
    if inside and content.startswith(b"\x1f\x8b"):
        return gzip.compress(_damaged(rng, gzip.decompress(content), others))
    at = content.find(b"1.2.840.10008.1.2.1.99")
    if inside and at >= 0:
        begin = 144 + struct.unpack_from("<I", content, 140)[0]
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        inner = _damaged(rng, zlib.decompress(content[begin:], -zlib.MAX_WBITS), others)
        return content[:begin] + deflater.compress(inner) + deflater.flush()
    data = _damaged(rng, content, others)
    return _with_sums(data) if inside and data.startswith(b"\x89PNG") else data


def _damaged(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _damage(rng, data, others)
    return bytes(data)


def _with_sums(data: bytes) -> bytes:
    """Return a PNG whose chunks have the check sums of what they hold now."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(mended)


_BYTES = (0, 1, 9, 10, 13, 34, 44, 92, 123, 127, 128, 255)
_TEXTS = (
    b'"',
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"=1+2",
    b"<!DOCTYPE a>",
    b"{" * 2000,
    b"[" * 2000,
    b"<a>" * 500,
)


def _damage(rng: random.Random, data: bytearray, others: list[bytes]) -> None:
    size = max(len(data), 1)
    at, length = rng.randrange(size), rng.randrange(1, 1 + min(size, rng.choice((4, 64, 1024))))
    kind = rng.randrange(9)
    if kind == 0:
        data[at : at + 1] = bytes([data[at] ^ (1 << rng.randrange(8)) if data else 0])
    elif kind == 1:
        data[at : at + 1] = bytes([rng.choice(_BYTES)])
    elif kind == 2:
        # A number of 2, 4 or 8 bytes, at one of the ends of its range.
        form = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
        top = 256 ** struct.calcsize(form) - 1
        number = struct.pack(form, rng.choice((0, 1, top, top // 2, top // 2 + 1, 0xFFFF & top)))
        data[at : at + len(number)] = number
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length] * rng.choice((1, 2, 100))
    elif kind == 5:
        data[at:at] = rng.choice(_TEXTS)
    elif kind == 6:
        del data[at:]
    elif kind == 7:
        other = rng.choice(others)
        data[at:] = other[rng.randrange(len(other)) :]
    else:
        data[at : at + length] = rng.randbytes(length)
