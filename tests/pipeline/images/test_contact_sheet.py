"""The contact sheet: query above, neighbours below in order."""

import numpy as np
import pytest
from PIL import Image

from pipeline.images.contact_sheet import Tile, contact_sheet


def tile(grey: int, title: str = "exam", labels: tuple[str, ...] = ("Effusion",)) -> Tile:
    return Tile(np.full((64, 64), grey, np.uint8), title, "distance 0.123", labels)


@pytest.mark.parametrize("count", [0, 1, 5, 6, 10])
def test_every_image_is_on_the_sheet_once_and_in_order(tmp_path, count):
    out = tmp_path / "new folder" / "sheet.png"
    greys = [40 + 15 * number for number in range(count)]
    contact_sheet(tile(250), [tile(grey) for grey in greys], out)
    sheet = np.asarray(Image.open(out).convert("L"))
    counts = np.bincount(sheet.ravel(), minlength=256)
    assert counts[250] >= 0.9 * 256 * 256
    places = [np.argwhere(sheet == grey).mean(axis=0) for grey in greys]
    rows = [row // 100 for row, _ in places]
    assert rows == sorted(rows)
    for grey in greys:
        assert counts[grey] >= 0.9 * 256 * 256
    query_row = np.argwhere(sheet == 250)[:, 0].mean()
    assert all(row > query_row for row, _ in places)


def test_a_long_caption_stays_below_its_own_image(tmp_path):
    long = tile(99, "query " * 40, tuple(f"Finding {number}" for number in range(40)))
    contact_sheet(long, [], tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("L")).astype(int)
    right = np.argwhere(sheet == 99)[:, 1].max()
    background = sheet[-1, -1]
    assert (sheet[:, right + 4 :] == background).all()
    below = np.argwhere(sheet == 99)[:, 0].max()
    assert (sheet[below + 4 :] != background).any()
