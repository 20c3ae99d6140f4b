"""Features of texts without a language model: hashed words and word pairs."""

from collections.abc import Sequence
from typing import cast

import numpy as np


def text_features(texts: Sequence[str], n_features: int = 512) -> np.ndarray:
    """Features of report texts, or of label names joined to a text.

    Counts of words and of pairs of neighbouring words, hashed into `n_features` columns
    (scikit-learn's `HashingVectorizer`) and brought to unit length. Nothing is learned from the
    texts, so that training and held-out exams cannot leak into one another. Underscores part
    words.

    Returns
    -------
    float32 `(n, n_features)`; a text without a word is a row of zeros.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(
        n_features=n_features, ngram_range=(1, 2), token_pattern=r"[^\W_]+", norm="l2"
    )
    return cast(np.ndarray, hashing.transform(list(texts)).toarray().astype(np.float32))
