import json

import numpy as np
import pytest

from training.evaluate import random_embedding
from training.gallery_index import GalleryIndex


def test_saved_index_finds_the_exact_neighbours(tmp_path):
    gallery, queries = random_embedding(200, 16, 0), random_embedding(5, 16, 1)
    ids = [f"image-{i}" for i in range(200)]
    GalleryIndex.build(gallery, ids, "model-1").save(tmp_path / "index")
    index = GalleryIndex.load(tmp_path / "index", "model-1")
    products, rows = index.search(queries, 10)
    exact = queries @ gallery.T
    assert np.array_equal(rows, np.argsort(-exact, axis=1)[:, :10])
    assert np.allclose(products, np.take_along_axis(exact, rows, axis=1), atol=1e-5)
    assert index.ids == ids
    assert len(index) == 200


def test_index_of_another_model_is_refused(tmp_path):
    GalleryIndex.build(random_embedding(3, 4), ["a", "b", "c"], "model-1").save(tmp_path)
    with pytest.raises(ValueError, match="belongs to model model-1, not model-2"):
        GalleryIndex.load(tmp_path, "model-2")


def test_missing_and_damaged_indexes_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no gallery index"):
        GalleryIndex.load(tmp_path, "model-1")
    GalleryIndex.build(random_embedding(3, 4), ["a", "b", "c"], "m").save(tmp_path)
    (tmp_path / "gallery.json").write_text(json.dumps({"model_id": "m", "ids": ["a"]}))
    with pytest.raises(ValueError, match="damaged"):
        GalleryIndex.load(tmp_path, "m")


def test_small_galleries_and_wrong_shapes():
    index = GalleryIndex.build(random_embedding(2, 4), ["a", "b"], "m")
    assert index.search(random_embedding(3, 4), 10)[1].shape == (3, 2)
    with pytest.raises(ValueError, match=r"expected \(n, 4\)"):
        index.search(random_embedding(3, 5), 1)
    with pytest.raises(ValueError, match="3 ids"):
        GalleryIndex.build(random_embedding(2, 4), ["a", "b", "c"], "m")
    empty = GalleryIndex.build(np.zeros((0, 4), np.float32), [], "m")
    assert empty.search(random_embedding(3, 4), 10)[1].shape == (3, 0)
