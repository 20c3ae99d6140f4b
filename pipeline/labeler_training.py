"""Train the learned labeler on a file of reports, judge it on what was held out, write it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from pipeline.csv_cells import plain_table
from pipeline.gold_files import StateFile
from pipeline.gold_map import GoldMap
from pipeline.labelling import label_scheme, rule_labeler
from pipeline.report_texts import ReportTexts
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from labelers.learned.learned_labeler import LearnedLabeler
    from labelers.schemes import Scheme


@dataclass(frozen=True)
class LabelerTraining:
    """A learned labeler with what is known of it.

    Attributes
    ----------
    learned
        The labeler.
    held_out
        Reports that neither taught nor calibrated it.
    figures
        A row a class over the held-out reports, against gold where there is gold and the rules'
        firm states elsewhere: exams positive, F1, AUC, Brier score and expected calibration error
        after and before calibration; and F1 of both labelers against gold alone.
    queue
        All reports and classes worth a second look, as `labelers.learned.consensus` ranks them.
    seconds
        Of training.
    """

    learned: "LearnedLabeler"
    held_out: int
    figures: list[dict[str, Any]]
    queue: pa.Table
    seconds: float


def train_labeler(
    texts: ReportTexts,
    scheme_name: str,
    gold: StateFile | None,
    gold_map: GoldMap,
    *,
    epochs: int,
    seed: int,
) -> LabelerTraining:
    """Train on the rule labels of reports and the gold of those that have some.

    Raises
    ------
    UserError
        There is no such scheme, the gold shares no exam or no class with the reports, or the
        reports are too few to learn from.
    """
    from labelers.learned.consensus import review_queue
    from labelers.learned.training import parts_of, train

    scheme, labeler = label_scheme(scheme_name), rule_labeler()
    reports = texts.table
    parts = parts_of(reports)
    if not all(part.any() for part in parts):
        raise UserError(
            f"{reports.num_rows} reports are too few to teach, calibrate and hold some out"
        )
    truth = _gold_states(reports, scheme, gold, gold_map)
    started = time.monotonic()
    try:
        learned = train(labeler, scheme, reports, truth, parts, epochs=epochs, seed=seed)
    except ValueError as error:
        raise UserError(str(error)) from None
    seconds = time.monotonic() - started
    classes = scheme.project(labeler.label_reports(reports).labels)
    rule = np.stack(
        [
            classes[name].fill_null(int(NOT_MENTIONED)).to_numpy().astype(np.int8)
            for name in scheme.classes
        ],
        axis=1,
    )
    probability = learned.probabilities(reports)
    queue = review_queue(reports["exam_id"].combine_chunks(), scheme.classes, rule, probability)
    held = parts.held_out
    figures = _figures(
        scheme, rule[held], truth[held], probability[held], _uncalibrated(learned, reports, held)
    )
    return LabelerTraining(learned, int(held.sum()), figures, queue, seconds)


def write_queue(queue: pa.Table, out: Path) -> None:
    """Write a review queue as CSV.

    Raises
    ------
    UserError
        `out` cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        pa_csv.write_csv(plain_table(queue), out)
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or 'the disk refuses'})"
        ) from None


def _gold_states(
    reports: pa.Table, scheme: "Scheme", gold: StateFile | None, gold_map: GoldMap
) -> NDArray[np.int8]:
    """Return the gold by report and class, `NOT_MENTIONED` where there is none."""
    states = np.full((reports.num_rows, len(scheme.classes)), NOT_MENTIONED, np.int8)
    if gold is None:
        return states
    at = pc.index_in(reports["exam_id"].combine_chunks(), value_set=gold.ids)
    found = at.is_valid().to_numpy(zero_copy_only=False)
    if not found.any():
        raise UserError(f"{gold.name} and the reports have no exam in common")
    rows = at.drop_null().to_numpy()
    named = {
        str(targets[0]): str(column)
        for column, targets in gold_map.classes.items()
        if len(targets) == 1
    }
    columns = {name: named.get(name, name) for name in scheme.classes}
    known = {name: column for name, column in columns.items() if column in gold.columns}
    if not known:
        raise UserError(
            f"{gold.name} has no column of a class of {scheme.name}; name its columns with --map"
        )
    for name, column in known.items():
        states[found, scheme.classes.index(name)] = gold.state(column)[rows]
    return states


def _uncalibrated(
    learned: "LearnedLabeler", reports: pa.Table, held: NDArray[np.bool_]
) -> NDArray[np.float32]:
    scores = learned.raw_scores(reports.filter(pa.array(held)))
    normal = learned.card.classes.index(learned.card.normal_class)
    scores[:, normal] = 1 - scores[:, normal]
    return scores


def _figures(
    scheme: "Scheme",
    rule: NDArray[np.int8],
    gold: NDArray[np.int8],
    probability: NDArray[np.float32],
    before: NDArray[np.float32],
) -> list[dict[str, Any]]:
    from labelers.learned.calibration import brier, calibration_error
    from labelers.learned.training import truth_or_rule

    rows = []
    for number, name in enumerate(scheme.classes):
        told = truth_or_rule(gold[:, number], rule[:, number])
        firm = told != -1
        truth = told[firm] == 1
        said = probability[firm, number]
        coded = np.isin(gold[:, number], (0, 1))
        row: dict[str, Any] = {
            "class": name,
            "positive": int(truth.sum()),
            "F1": _f1(truth, said >= 0.5),
            "AUC": _auc(truth, said),
            "Brier": brier(said, truth),
            "Brier before": brier(before[firm, number], truth),
            "ECE": calibration_error(said, truth),
            "ECE before": calibration_error(before[firm, number], truth),
        }
        if (gold != NOT_MENTIONED).any():
            row["gold"] = int((gold[coded, number] == 1).sum())
            row["F1 gold"] = _f1(gold[coded, number] == 1, probability[coded, number] >= 0.5)
            row["rules F1 gold"] = _f1(gold[coded, number] == 1, rule[coded, number] == 1)
        rows.append(row)
    return rows


def _f1(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> float | None:
    total = truth.sum() + said.sum()
    return float(2 * (truth & said).sum() / total) if total else None


def _auc(truth: NDArray[np.bool_], score: NDArray[np.float32]) -> float | None:
    """Return the area under the ROC curve, None without exams of both outcomes."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, score)) if truth.any() and not truth.all() else None
