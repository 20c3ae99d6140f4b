import numpy as np
import pytest

from training.exam_pooling import pool_exams


def test_exam_is_the_mean_direction_of_its_images():
    images = np.array([[1, 0], [0, 1], [0, 1], [0.6, 0.8]], np.float32)
    labels = np.array([[1], [0], [1], [0]], bool)
    found = pool_exams(images, ["b", "a", "b", "c"], labels)
    assert found.first_image.tolist() == [0, 1, 3]
    assert found.n_images.tolist() == [2, 1, 1]
    assert np.allclose(found.embeddings, [[0.5**0.5, 0.5**0.5], [0, 1], [0.6, 0.8]])
    assert found.embeddings.dtype == np.float32


def test_opposite_images_have_no_direction_but_stay_finite():
    found = pool_exams(np.array([[1, 0], [-1, 0]], np.float32), ["a", "a"])
    assert np.isfinite(found.embeddings).all()


def test_images_of_an_exam_that_differ_in_labels_are_refused():
    with pytest.raises(ValueError, match="in 1 exams"):
        pool_exams(np.eye(3, dtype=np.float32), ["a", "a", "b"], np.array([[1], [0], [0]]))
