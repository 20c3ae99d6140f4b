import numpy as np

from training import untrained_model
from training.reacquisition import varied_embeddings


def test_copies_vary_stay_near_their_exam_and_come_again_with_the_seed(
    tiny_backbone, marked_images
):
    pixels = marked_images[0]
    model = untrained_model("tiny", dim=16, image_size=48).eval()
    rows = np.array([3, 60])
    copies = varied_embeddings(model, pixels, rows, 5, seed=1)
    assert copies.shape == (5, 2, 16)
    assert np.allclose(np.linalg.norm(copies, axis=2), 1, atol=1e-5)
    assert np.abs(copies[0] - copies[1]).max() > 1e-4
    assert np.array_equal(copies, varied_embeddings(model, pixels, rows, 5, seed=1))
    assert not np.array_equal(copies, varied_embeddings(model, pixels, rows, 5, seed=2))
