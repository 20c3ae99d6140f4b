"""A contact sheet: a query image and its nearest neighbours, with captions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_TILE = 256
_CAPTION = 64
_GAP = 12
_COLUMNS = 5
_BACKGROUND, _FRAME, _TEXT, _QUERY = (24, 24, 27), (63, 63, 70), (228, 228, 231), (250, 204, 21)


@dataclass(frozen=True)
class Tile:
    """One image of the sheet: uint8 `(size, size)`, a title, a line below it, and its labels."""

    pixels: np.ndarray
    title: str
    line: str = ""
    labels: Sequence[str] = field(default=())


def contact_sheet(query: Tile, neighbours: Sequence[Tile], out: Path) -> None:
    """Write the query, above, and the neighbours, nearest first, as a PNG."""
    from PIL import Image

    rows = 1 + -(-len(neighbours) // _COLUMNS)
    width = _COLUMNS * (_TILE + _GAP) + _GAP
    height = rows * (_TILE + _CAPTION + _GAP) + _GAP
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    _place(sheet, query, 0, 0, _QUERY)
    for number, tile in enumerate(neighbours):
        _place(sheet, tile, 1 + number // _COLUMNS, number % _COLUMNS, _FRAME)
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, format="PNG")


def _place(sheet: Any, tile: Tile, row: int, column: int, frame: tuple[int, int, int]) -> None:
    from PIL import Image, ImageDraw, ImageFont

    left = _GAP + column * (_TILE + _GAP)
    top = _GAP + row * (_TILE + _CAPTION + _GAP)
    picture = Image.fromarray(tile.pixels).resize((_TILE, _TILE), Image.Resampling.LANCZOS)
    sheet.paste(picture.convert("RGB"), (left, top))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left - 1, top - 1, left + _TILE, top + _TILE), outline=frame, width=2)
    lines = (tile.title, tile.line, ", ".join(tile.labels) or "no label")
    font = ImageFont.load_default(13)
    for number, text in enumerate(line for line in lines if line):
        while text and draw.textlength(text, font) > _TILE:
            text = text[:-2].rstrip(" ,…") + "…"
        draw.text((left, top + _TILE + 4 + 19 * number), text, _TEXT, font)
