"""The text classifier: spaCy's `textcat_multilabel`, a linear model over word n-grams.

spaCy's TextCatBOW.v3 needs neither torch nor pretrained vectors and reads some thousands of
sentences a second. It is kept as spaCy writes it, msgpack and JSON, no pickle.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.spacy_import import spacy_without_torch

_NGRAMS = 3
_TABLE = 1 << 17  # rows of the hashed weight table
_RATE = 0.03
_BATCH = 64
_PAD = " . . ."  # the model reads no text shorter than its n-grams


def train_model(
    texts: Sequence[str],
    targets: NDArray[np.int8],
    classes: Sequence[str],
    *,
    epochs: int,
    seed: int,
) -> Any:
    """Return a spaCy pipeline trained on sentences.

    Parameters
    ----------
    texts
        The sentences.
    targets
        1, 0, or `NOT_MENTIONED` where a sentence teaches nothing of a class,
        (n_sentences, n_classes).
    classes
        Class names by column.
    epochs, seed
        Passes over the sentences, and what their order and the weights start from.
    """
    with spacy_without_torch():
        import spacy
        from spacy.training import Example
        from thinc.api import Adam, fix_random_seed

    fix_random_seed(seed)
    nlp = spacy.blank("en")
    model = {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": False,
        "ngram_size": _NGRAMS,
        "no_output_layer": False,
        "length": _TABLE,
    }
    pipe: Any = nlp.add_pipe("textcat_multilabel", config={"model": model})
    examples = [
        Example.from_dict(
            nlp.make_doc(text + _PAD),
            {
                "cats": {
                    name: float(state)
                    for name, state in zip(classes, row, strict=True)
                    if state != NOT_MENTIONED
                }
            },
        )
        for text, row in zip(texts, targets.tolist(), strict=True)
        if any(state != NOT_MENTIONED for state in row)
    ]
    pipe.initialize(lambda: examples, nlp=nlp, labels=list(classes))
    optimizer = Adam(_RATE, L2=0.0, grad_clip=0.0, use_averages=False)
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        turn = order.permutation(len(examples)).tolist()
        for begin in range(0, len(turn), _BATCH):
            batch = [examples[n] for n in turn[begin : begin + _BATCH]]
            pipe.update(batch, sgd=optimizer)
    return nlp


def sentence_scores(nlp: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the model's scores in [0, 1], float32 (n_sentences, n_classes)."""
    pipe = nlp.get_pipe("textcat_multilabel")
    parts = [np.zeros((0, len(pipe.labels)), np.float32)]
    for begin in range(0, len(texts), 256):
        docs = [nlp.make_doc(text + _PAD) for text in texts[begin : begin + 256]]
        parts.append(np.asarray(pipe.predict(docs), np.float32))
    return np.concatenate(parts)


def load_model(folder: Path) -> Any:
    """Return the pipeline that `to_disk` wrote to a folder."""
    with spacy_without_torch():
        import spacy

        return spacy.load(folder)
