"""Teach a learned labeler from rule labels and whatever gold there is."""

import hashlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.learned import calibration
from labelers.learned.learned_labeler import Card, LearnedLabeler
from labelers.learned.report_sentences import report_sentences
from labelers.learned.sentence_model import train_model
from labelers.learned.teaching import class_states, sentence_states, targets, turned
from labelers.rule_labeler import RuleLabeler
from labelers.schemes import Scheme

# Of a hundred patients: below the first they teach, below the second they calibrate, the rest are
# held out.
_TEACHES, _CALIBRATES = 70, 85


class Parts(NamedTuple):
    """Which reports teach, calibrate and are held out, bool (n_reports,) each."""

    taught: NDArray[np.bool_]
    calibrated: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


def parts_of(reports: pa.Table) -> Parts:
    """Divide reports by patient, or by what they say where there is no patient."""
    patients = (
        reports["patient_id"].to_pylist()
        if "patient_id" in reports.column_names
        else [None] * reports.num_rows
    )
    place = np.empty(reports.num_rows, np.int64)
    for row, (patient, sections) in enumerate(
        zip(patients, reports["sections"].to_pylist(), strict=True)
    ):
        told = patient or "\n".join(section["text"] or "" for section in sections or ())
        digest = hashlib.sha256(f"learned labeler {told}".encode()).digest()
        place[row] = int.from_bytes(digest[:4], "big") % 100
    return Parts(
        place < _TEACHES, (place >= _TEACHES) & (place < _CALIBRATES), place >= _CALIBRATES
    )


def train(
    labeler: RuleLabeler,
    scheme: Scheme,
    reports: pa.Table,
    gold: NDArray[np.int8] | None = None,
    parts: Parts | None = None,
    *,
    epochs: int = 30,
    seed: int = 7,
) -> LearnedLabeler:
    """Return a learned labeler.

    Parameters
    ----------
    labeler
        The rules that teach it.
    scheme
        Whose classes it learns.
    reports
        Columns `exam_id`, `sections` and perhaps `patient_id`.
    gold
        Human states (n_reports, n_classes), `NOT_MENTIONED` where there are none.
    parts
        Which reports teach and which calibrate; by default `parts_of`.
    epochs, seed
        Of the training.

    Raises
    ------
    ValueError
        No sentence teaches anything.
    """
    parts = parts or parts_of(reports)
    shape = (reports.num_rows, len(scheme.classes))
    if gold is None:
        gold = np.full(shape, NOT_MENTIONED, np.int8)
    truth = turned(gold, scheme)
    found = report_sentences(reports, labeler.vocabulary)
    target = targets(found, sentence_states(labeler, scheme, found), truth, parts.taught)
    if (target == NOT_MENTIONED).all():
        raise ValueError("no sentence of the reports teaches a class")
    model = train_model(found.texts, target, scheme.classes, epochs=epochs, seed=seed)
    card = Card(
        scheme=scheme.name,
        classes=scheme.classes,
        normal_class=scheme.normal_class,
        labeler=labeler.name,
        vocabulary_hash=labeler.vocabulary_hash,
        reports=int(parts.taught.sum()),
        sentences=int((target != NOT_MENTIONED).any(axis=1).sum()),
        gold_exams=int((truth[parts.taught] != NOT_MENTIONED).any(axis=1).sum()),
        epochs=epochs,
        seed=seed,
        slopes=(1.0,) * len(scheme.classes),
        offsets=(0.0,) * len(scheme.classes),
    )
    taught = LearnedLabeler(card, model, labeler.vocabulary)
    held = reports.filter(pa.array(parts.calibrated))
    scores = taught.raw_scores(held)
    states = truth_or_rule(truth[parts.calibrated], class_states(labeler, scheme, held))
    pairs = [
        calibration.fit(scores[states[:, n] >= 0, n], states[states[:, n] >= 0, n] == 1)
        for n in range(len(scheme.classes))
    ]
    slopes, offsets = (tuple(values) for values in zip(*pairs, strict=True))
    return LearnedLabeler(
        Card(**{**card.__dict__, "slopes": slopes, "offsets": offsets}), model, labeler.vocabulary
    )


def truth_or_rule(truth: NDArray[np.int8], rule: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return gold where there is any, else the rule's state with null as 0; -1 is unknown."""
    by_rule = np.where(rule == NOT_MENTIONED, 0, rule)
    return np.where(truth == NOT_MENTIONED, by_rule, truth).astype(np.int8)
