"""Squares and the shards they are kept in."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.images.pixel_cache import open_pixels, write_shard
from pipeline.images.square import to_square


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(8, 40))
def test_an_image_keeps_its_proportions_and_lies_in_the_middle(rows, columns, size):
    square = to_square(np.ones((rows, columns), np.float32), size)
    assert square.shape == (size, size)
    assert square.dtype == np.uint8
    filled_rows, filled_columns = (square > 0).any(axis=1), (square > 0).any(axis=0)
    longest = max(rows, columns)
    assert abs(filled_rows.sum() - max(1, size * rows / longest)) <= 1
    assert abs(filled_columns.sum() - max(1, size * columns / longest)) <= 1
    for filled in (filled_rows, filled_columns):
        before, after = filled.argmax(), filled[::-1].argmax()
        assert abs(int(before) - int(after)) <= 1
        assert filled[before : size - after].all()


def test_grey_is_kept_and_rounded_to_255_steps():
    square = to_square(np.full((50, 50), 0.4, np.float32), 20)
    assert (square == 102).all()


def test_fine_stripes_average_instead_of_aliasing():
    stripes = np.tile(np.array([0, 1], np.float32), (200, 100))
    square = to_square(stripes, 50)
    assert abs(square[5:-5, 5:-5].astype(float) - 127.5).max() < 10


def test_images_come_back_from_their_shards_in_the_order_asked(tmp_path):
    a = np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8)
    b = 255 - np.arange(2 * 64, dtype=np.uint8).reshape(2, 8, 8)
    write_shard(tmp_path, "a.npy", a)
    write_shard(tmp_path, "b.npy", b)
    pixels = open_pixels(tmp_path, ["b.npy", "a.npy", "b.npy"], np.array([1, 2, 0]))
    assert len(pixels) == 3
    assert pixels.shape == (3, 8, 8)
    read = pixels[np.array([2, 0, 1, 0])]
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, np.stack([b[0], b[1], a[2], b[1]]))
    read[:] = 0
    np.testing.assert_array_equal(pixels[np.array([0])][0], b[1])


def test_a_shard_that_is_not_bytes_in_squares_is_refused(tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        write_shard(tmp_path, "a.npy", np.zeros((2, 8, 8), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_shard_and_no_half(tmp_path, room_for):
    old = np.full((1, 8, 8), 7, np.uint8)
    write_shard(tmp_path, "a.npy", old)
    with room_for(150), pytest.raises(OSError, match="too large"):
        write_shard(tmp_path, "a.npy", old * 2)
    assert [file.name for file in tmp_path.iterdir()] == ["a.npy"]
    np.testing.assert_array_equal(open_pixels(tmp_path, ["a.npy"], np.array([0]))[[0]], old)


def test_a_pickled_shard_is_not_loaded(tmp_path: Path):
    np.save(tmp_path / "a.npy", np.array([{"not": "pixels"}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects"):
        open_pixels(tmp_path, ["a.npy"], np.array([0]))
