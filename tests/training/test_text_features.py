import numpy as np

from training.text_features import text_features


def test_texts_with_the_same_words_are_near_and_order_and_case_matter_little():
    found = text_features(
        ["Pleural_Thickening. Edema", "edema, pleural thickening", "Pneumothorax", ""]
    )
    assert found.shape == (4, 512)
    assert found.dtype == np.float32
    products = found @ found.T
    assert products[0, 1] > 0.7
    assert abs(products[0, 2]) < 0.2
    assert np.allclose(np.diag(products), [1, 1, 1, 0])


def test_a_text_has_the_same_features_in_any_company():
    assert np.array_equal(text_features(["Edema"])[0], text_features(["Mass", "Edema"])[1])
