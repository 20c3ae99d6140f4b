import numpy as np
import pytest

from training.approximate_index import ApproximateIndex, build_approximate
from training.evaluate import random_embedding
from training.gallery_index import GalleryIndex


def clustered(n, seed, dim=16):
    """Draw unit vectors in forty clusters, as an embedding of findings has them."""
    centres = np.random.default_rng(1).standard_normal((40, dim))
    rng = np.random.default_rng(seed)
    drawn = centres[rng.integers(0, 40, n)] + 0.3 * rng.standard_normal((n, dim))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def gallery():
    return clustered(6_000, 0)


def recall_of(index, gallery, queries):
    """Share of the ten nearest found, by the definition, one query after the other."""
    _, rows = index.search(queries, 10)
    shares = []
    for query, found in zip(queries, rows, strict=True):
        true = np.argsort(-(gallery @ query))[:10]
        shares.append(len(set(true) & set(found)) / 10)
    return np.mean(shares)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_recall_told_is_the_recall_on_new_queries(kind, gallery):
    built = build_approximate(gallery, kind)
    assert built.kind == kind
    assert built.recall >= 0.98
    assert built.index.ntotal == len(gallery)
    assert recall_of(built, gallery, clustered(300, 7)) == pytest.approx(built.recall, abs=0.015)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_more_effort_is_spent_for_more_recall(kind, gallery):
    little = build_approximate(gallery, kind, recall=0.5)
    much = build_approximate(gallery, kind, recall=0.995)
    assert little.effort < much.effort
    assert little.recall < much.recall


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_rows_are_those_of_the_embeddings_held_out_ones_included(kind, gallery):
    built = build_approximate(gallery, kind)
    products, rows = built.search(gallery[:500], 1)
    assert np.mean(rows[:, 0] == np.arange(500)) > 0.98
    assert products.max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_many_neighbours_are_found_as_well_as_ten(kind, gallery):
    built = build_approximate(gallery, kind)
    queries = clustered(20, 9)
    _, rows = built.search(queries, 500)
    true = np.argsort(-(queries @ gallery.T), axis=1)[:, :500]
    found = [len(set(a) & set(b)) / 500 for a, b in zip(rows, true, strict=True)]
    assert np.mean(found) > 0.97


def test_what_gains_nothing_is_not_indexed_approximately():
    assert build_approximate(clustered(999, 0), "hnsw") is None
    # Without clusters, in many directions, inverted lists would have to be looked through whole.
    assert build_approximate(random_embedding(2_000, 64, 0), "ivf") is None
    index = GalleryIndex.build(random_embedding(50, 4), [str(n) for n in range(50)], "m", "ivf")
    assert (index.kind, index.recall, index.effort) == ("exact", 1.0, 0)


@pytest.mark.parametrize("kind", ["hnsw", "ivf"])
def test_saved_and_loaded_it_answers_the_same_and_still_tells_its_recall(kind, gallery, tmp_path):
    ids = [f"image-{n}" for n in range(len(gallery))]
    built = GalleryIndex.build(gallery, ids, "m", kind, made_of="version 3")
    built.save(tmp_path)
    loaded = GalleryIndex.load(tmp_path, "m", made_of="version 3")
    assert isinstance(loaded._index, ApproximateIndex)
    assert (loaded.kind, loaded.recall, loaded.effort) == (kind, built.recall, built.effort)
    queries = clustered(20, 3)
    for found, expected in zip(loaded.search(queries, 5), built.search(queries, 5), strict=True):
        assert np.array_equal(found, expected)
    with pytest.raises(ValueError, match="not of the present embeddings"):
        GalleryIndex.load(tmp_path, "m", made_of="version 4")
    (tmp_path / "gallery.faiss").write_bytes(b"other")
    with pytest.raises(ValueError, match="damaged"):
        GalleryIndex.load(tmp_path, "m")
