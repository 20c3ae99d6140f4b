"""The learned labeler: reports to calibrated probabilities a class."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.learned import calibration
from labelers.learned.report_sentences import highest, report_sentences
from labelers.learned.sentence_model import load_model, sentence_scores
from labelers.vocabulary import Vocabulary, load_vocabulary

_CARD, _MODEL = "labeler.json", "model"


@dataclass(frozen=True)
class Card:
    """What a learned labeler is: where it comes from and how its scores become probabilities.

    Attributes
    ----------
    scheme, classes, normal_class
        The label scheme it was taught, its classes in order, and its class of normality.
    labeler, vocabulary_hash
        The rule labeler that taught it.
    reports, sentences, gold_exams
        How much taught it.
    epochs, seed
        How it was trained.
    slopes, offsets
        Platt's a and b of each class.
    """

    scheme: str
    classes: tuple[str, ...]
    normal_class: str
    labeler: str
    vocabulary_hash: str
    reports: int
    sentences: int
    gold_exams: int
    epochs: int
    seed: int
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]


class LearnedLabeler:
    """Gives each class of a scheme a probability.

    A sentence's score is the classifier's, a report's the highest of its sentences, its probability
    the calibrated score; the class of normality has one minus the probability of any abnormality.

    Parameters
    ----------
    card
        What it is.
    model
        The spaCy pipeline of `sentence_model`.
    vocabulary
        Whose sections and headings are read; by default the package's own.
    """

    def __init__(self, card: Card, model: Any, vocabulary: Vocabulary | None = None) -> None:
        self.card = card
        self._model = model
        self._vocabulary = vocabulary or load_vocabulary()

    def raw_scores(self, reports: pa.Table) -> NDArray[np.float32]:
        """Return uncalibrated scores (n_reports, n_classes); abnormality for the normal class."""
        found = report_sentences(reports, self._vocabulary)
        return highest(found, sentence_scores(self._model, found.texts), reports.num_rows)

    def probabilities(self, reports: pa.Table) -> NDArray[np.float32]:
        """Return the probability that each class is positive, float32 (n_reports, n_classes)."""
        card = self.card
        calibrated = calibration.apply(
            self.raw_scores(reports), np.array(card.slopes), np.array(card.offsets)
        )
        normal = card.classes.index(card.normal_class)
        calibrated[:, normal] = 1 - calibrated[:, normal]
        return calibrated

    def label_reports(self, reports: pa.Table) -> pa.Table:
        """Return `exam_id` and a float32 probability a class.

        Parameters
        ----------
        reports
            Columns `exam_id` (string) and `sections` (list of struct kind, text).
        """
        found = self.probabilities(reports)
        columns = {name: found[:, n] for n, name in enumerate(self.card.classes)}
        return pa.table({"exam_id": reports["exam_id"], **columns})

    def save(self, folder: Path) -> None:
        """Write it to a folder, made if need be; raise `OSError` if that fails."""
        folder.mkdir(parents=True, exist_ok=True)
        # The vocabulary would list the words of the reports that taught it; the model hashes them.
        self._model.to_disk(folder / _MODEL, exclude=["vocab"])
        card = json.dumps(asdict(self.card), indent=2, ensure_ascii=False)
        (folder / _CARD).write_text(card + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, vocabulary: Vocabulary | None = None) -> "LearnedLabeler":
        """Read one from a folder.

        Raises
        ------
        ValueError
            The folder holds no learned labeler.
        """
        try:
            values: dict[str, Any] = json.loads((folder / _CARD).read_text(encoding="utf-8"))
            lists = ("classes", "slopes", "offsets")
            values.update({name: tuple(values[name]) for name in lists})
            card = Card(**values)
        except (OSError, ValueError, TypeError, KeyError):
            raise ValueError(
                f"{folder}: holds no learned labeler ({_CARD} is missing or broken)"
            ) from None
        return cls(card, load_model(folder / _MODEL), vocabulary)
