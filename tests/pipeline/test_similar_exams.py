"""The nearest exams where many of the nearest images do not count."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.similar import _nearest
from training import GalleryIndex

EXAMS, IMAGES_AN_EXAM = 600, 4


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((30, 8))[rng.integers(0, 30, EXAMS * IMAGES_AN_EXAM)]
    drawn += 0.1 * rng.standard_normal(drawn.shape)
    unit: np.ndarray = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit.astype(np.float32)


@pytest.fixture(scope="module")
def images() -> Any:
    rows = pd.DataFrame({"image_id": [f"I{n}" for n in range(EXAMS * IMAGES_AN_EXAM)]})
    rows["exam_id"] = [f"E{n // IMAGES_AN_EXAM}" for n in range(len(rows))]
    return SimpleNamespace(rows=rows, told={"classes": ["A"]}, states=np.ones((len(rows), 1)))


def expected(vectors: np.ndarray, query: np.ndarray, excluded: set[str], k: int) -> list[str]:
    """Rank all images by their distance, one exam once."""
    order = np.argsort(-(vectors @ query[0]))
    exams = [f"E{row // IMAGES_AN_EXAM}" for row in order]
    return [exam for exam in dict.fromkeys(exams) if exam not in excluded][:k]


@pytest.mark.parametrize("k", [1, 10, EXAMS, EXAMS + 5])
def test_excluded_exams_and_second_images_do_not_use_up_the_answer(
    vectors: np.ndarray, images: Any, k: int
) -> None:
    index = GalleryIndex.build(vectors, list(images.rows["image_id"]), "m")
    query = vectors[:1]
    nearest = expected(vectors, query, set(), 40)
    excluded = set(nearest)
    found = _nearest(images, index, query, excluded, k)
    assert [row["exam_id"] for row in found] == expected(vectors, query, excluded, k)
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))


def test_images_that_the_manifest_no_longer_names_are_passed_over(
    vectors: np.ndarray, images: Any
) -> None:
    ids = list(images.rows["image_id"])
    query = vectors[:1]
    near = np.argsort(-(vectors @ query[0]))[:200]
    gone = [f"old-{name}" if row in set(near) else name for row, name in enumerate(ids)]
    index = GalleryIndex.build(vectors, gone, "m")
    found = _nearest(images, index, query, set(), 5)
    kept = np.setdiff1d(np.arange(len(ids)), near)
    order = kept[np.argsort(-(vectors[kept] @ query[0]))]
    exams = list(dict.fromkeys(f"E{row // IMAGES_AN_EXAM}" for row in order))[:5]
    assert [row["exam_id"] for row in found] == exams


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_an_approximate_index_answers_with_as_many(
    vectors: np.ndarray, images: Any, kind: Any
) -> None:
    index = GalleryIndex.build(vectors, list(images.rows["image_id"]), "m", kind)
    assert index.kind == kind
    excluded = set(expected(vectors, vectors[:1], set(), 40))
    found = _nearest(images, index, vectors[:1], excluded, 10)
    assert len(found) == 10
    assert not {row["exam_id"] for row in found} & excluded
