"""Losses compared at equal budgets: folds by patient, several seeds, paired intervals."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.bootstrap import mean_interval, paired_difference_interval
from training.cross_validation import patient_folds
from training.embed import Progress, embed
from training.embedding_model import untrained_model
from training.evaluate import query_measures, random_embedding
from training.feature_views import feature_views
from training.fit import fit
from training.fit_settings import FitSettings
from training.head_training import train_head

MEASURES = ("nDCG@10", "mAP@10", "Jaccard@10")
UNTRAINED, CHANCE = "untrained features", "chance"


@dataclass(frozen=True)
class ComparedExams:
    """The images of a comparison; all arrays have n rows."""

    pixels: Any
    """uint8 `(n, s, s)`."""
    targets: np.ndarray
    """float32 `(n, n_classes)`, what is trained on."""
    labels: np.ndarray
    """bool `(n, n_classes)`, what judges."""
    normal: np.ndarray
    """bool `(n,)`."""
    exams: np.ndarray
    """Integers `(n,)`."""
    patients: np.ndarray
    """Integers `(n,)`."""


@dataclass(frozen=True)
class Comparison:
    """Measures of every query under every loss."""

    values: dict[str, dict[str, np.ndarray]]
    """Loss (or baseline) → measure → float64 `(n_seeds, n)`, each query in the fold it was held
    out of; NaN without a relevant candidate."""
    exams: ComparedExams
    n_folds: int

    def table(self, n_resamples: int = 2000) -> list[dict[str, Any]]:
        """Return a row a loss, best nDCG@10 first; differences are from the first loss.

        Values are means over seeds; intervals are by patient, over queries. `verdict` says whether
        the interval of the paired difference leaves out 0.
        """
        patients, abnormal = self.exams.patients, self.exams.labels.any(axis=1)
        reference = next(iter(self.values))
        rows = []
        for name, found in self.values.items():
            mean = {measure: values.mean(axis=0) for measure, values in found.items()}
            first = self.values[reference]["nDCG@10"].mean(axis=0)
            difference = paired_difference_interval(mean["nDCG@10"], first, patients, n_resamples)
            row: dict[str, Any] = {"loss": name}
            row["nDCG@10"] = _interval(mean["nDCG@10"], patients, n_resamples)
            for title, chosen in (("abnormal", abnormal), ("normal", self.exams.normal)):
                row[f"{title} queries"] = _interval(
                    mean["nDCG@10"][chosen], patients[chosen], n_resamples
                )
            for measure in MEASURES[1:]:
                row[measure] = _interval(mean[measure], patients, n_resamples)
            by_seed = np.nanmean(found["nDCG@10"], axis=1)
            row["seeds"] = (float(by_seed.min()), float(by_seed.max()))
            row["difference"] = difference
            row["verdict"] = _verdict(name, reference, difference)
            rows.append(row)
        return sorted(rows, key=lambda row: -row["nDCG@10"][0])


def compare_losses(
    exams: ComparedExams,
    losses: Mapping[str, FitSettings],
    seeds: Sequence[int] = (0, 1, 2),
    n_folds: int = 5,
    progress: Progress | None = None,
) -> Comparison:
    """Train each loss on every fold with every seed and measure it on what the fold holds out.

    All settings must name the same backbone and image size: features are computed once. With
    `finetune_epochs` a fifth of the training patients chooses the epoch that is kept.

    Parameters
    ----------
    exams
        What is trained on and judged by.
    losses
        Name → settings; `seed` is replaced.
    seeds
        Of training; folds are the same for all.
    n_folds
        Folds by patient. The gallery of a query is its fold, leave-one-out, without its patient.
    progress
        Called with (trainings done, trainings in all, what is being done).
    """
    first = next(iter(losses.values()))
    networks = {(s.backbone, s.image_size, s.feature_views) for s in losses.values()}
    if len(networks) > 1:
        raise ValueError("the compared losses must share backbone, image size and views")
    rows = np.arange(len(exams.targets))
    model = untrained_model(first.backbone, first.dim, first.image_size, weights=first.weights)
    views = feature_views(
        model, exams.pixels, rows, first.feature_views, batch_size=first.batch_size,
        progress=progress,
    )  # fmt: skip
    folds = patient_folds(exams.patients, n_folds)
    unit = views[0] / np.linalg.norm(views[0], axis=1, keepdims=True)
    chance = random_embedding(len(rows), first.dim)
    found = {name: _no_values(len(seeds), len(rows)) for name in (*losses, UNTRAINED, CHANCE)}
    total, done = len(losses) * len(seeds) * n_folds, 0
    for train, held_out in folds:
        for name, settings in losses.items():
            for place, seed in enumerate(seeds):
                chosen = dataclasses.replace(settings, seed=seed)
                embeddings = _embedder(exams, views, chosen, train)(held_out)
                _measure(found[name], place, embeddings, exams, held_out)
                done += 1
                if progress:
                    progress(done, total, f"{name}, seed {seed}")
        for place in range(len(seeds)):
            _measure(found[UNTRAINED], place, unit[held_out], exams, held_out)
            _measure(found[CHANCE], place, chance[held_out], exams, held_out)
    return Comparison(found, exams, n_folds)


def _embedder(
    exams: ComparedExams, views: np.ndarray, settings: FitSettings, train: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Train on some rows; return what embeds others."""
    if settings.finetune_epochs == 0:
        head = train_head(views[:, train], exams.targets[train], exams.normal[train], settings)
        return lambda rows: head.embed(views[0, rows])
    inner, selecting = patient_folds(exams.patients[train], 5, settings.seed)[0]
    fitted = fit(
        exams.pixels,
        exams.targets,
        exams.normal,
        exams.patients,
        train[inner],
        train[selecting],
        settings,
    )
    return lambda rows: embed(fitted.model, exams.pixels, rows, settings.batch_size)


def _no_values(n_seeds: int, n_rows: int) -> dict[str, np.ndarray]:
    return {measure: np.full((n_seeds, n_rows), np.nan) for measure in MEASURES}


def _measure(
    found: dict[str, np.ndarray],
    place: int,
    embeddings: np.ndarray,
    exams: ComparedExams,
    rows: np.ndarray,
) -> None:
    """Write the measures of the queries `rows` at their places."""
    measured = query_measures(
        embeddings, exams.labels[rows], exams.normal[rows], exams.exams[rows], exams.patients[rows]
    )
    for measure in MEASURES:
        found[measure][place, rows] = measured[measure]


def _interval(
    values: np.ndarray, patients: np.ndarray, n_resamples: int
) -> tuple[float, float, float]:
    known = values[~np.isnan(values)]
    value = float(known.mean()) if len(known) else float("nan")
    return value, *mean_interval(values, patients, n_resamples)


def _verdict(name: str, reference: str, difference: tuple[float, float, float]) -> str:
    _, low, high = difference
    if name == reference:
        return "reference"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no difference"
