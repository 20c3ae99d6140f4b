"""Agreement of label states with a gold: precision, recall, F1 and Cohen's kappa with intervals.

States are int8 matrices (n_exams, n_classes): 1 positive, 0 negative, -1 uncertain, and
`NOT_MENTIONED` for null. Per class an exam is a true positive, false positive, false negative or
true negative; `counted` says what an uncertain state counts as. Then, as in the textbooks,

    precision = tp / (tp + fp), recall = tp / (tp + fn), F1 = 2 tp / (2 tp + fp + fn),

and kappa = (p_o - p_e) / (1 - p_e) with p_o the share of exams on which both agree and p_e the
share expected of two independent raters with the same margins (Cohen, Educational and
Psychological Measurement 20, 1960). A figure whose denominator is zero is NaN.

Micro figures pool the decisions of the averaged classes. Macro figures are means over those
averaged classes that have a gold positive; of these, one never said has precision 0.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED

STATES = (1, 0, -1, int(NOT_MENTIONED))  # the rows and columns of a confusion, in order
UNCERTAIN = ("negative", "positive", "ignored", "alternatives")
MEASURES = ("precision", "recall", "f1", "kappa")
MICRO, MACRO = -2, -1  # rows of `Agreement.figures` below the classes

_OUTCOMES = 4  # tp, fp, fn, tn
_CELLS = 20_000_000  # of a block of bootstrap weights: 160 MB
_LEVEL = (0.025, 0.975)


class Counted(NamedTuple):
    """States read as decisions, each bool (n_exams, n_classes).

    `true` and `said` are what gold and labels say; where `scored` is false the exam is left out of
    the class.
    """

    true: NDArray[np.bool_]
    said: NDArray[np.bool_]
    scored: NDArray[np.bool_]


class Agreement(NamedTuple):
    """Agreement by class and over classes.

    Attributes
    ----------
    classes
        Names, (n_classes,).
    averaged
        Whether a class is in the averages, bool (n_classes,).
    outcomes
        Exams that are tp, fp, fn, tn, int64 (n_classes, 4).
    figures
        float64 (n_classes + 2, 4, 3): a row a class, then micro (`MICRO`) and macro (`MACRO`);
        precision, recall, F1, kappa; the figure and the ends of its 95 % bootstrap interval.
    """

    classes: tuple[str, ...]
    averaged: NDArray[np.bool_]
    outcomes: NDArray[np.int64]
    figures: NDArray[np.float64]


def counted(
    gold: NDArray[np.int8],
    said: NDArray[np.int8],
    uncertain: str = "negative",
    alternatives: NDArray[np.bool_] | None = None,
) -> Counted:
    """Read states as decisions; null is negative.

    Parameters
    ----------
    gold, said
        States, (n_exams, n_classes).
    uncertain
        What -1 counts as: `negative`; `positive`; `ignored` (the exam is left out of a class where
        either says -1); `alternatives` (positive where `alternatives` is true, else negative).
    alternatives
        Exams and classes whose -1 in `said` rests only on a choice between named diagnoses, bool
        (n_exams, n_classes); see `labelers.agreement_alternatives`.

    Raises
    ------
    ValueError
        `uncertain` is no such setting, or `alternatives` is missing.
    """
    true, positive = gold == 1, said == 1
    scored = np.ones(gold.shape, bool)
    if uncertain == "positive":
        true, positive = true | (gold == -1), positive | (said == -1)
    elif uncertain == "ignored":
        scored = (gold != -1) & (said != -1)
    elif uncertain == "alternatives":
        if alternatives is None:
            raise ValueError("the setting alternatives needs to be told which states rest on one")
        positive = positive | ((said == -1) & alternatives)
    elif uncertain != "negative":
        raise ValueError(f"uncertain must be one of {', '.join(UNCERTAIN)}, not {uncertain!r}")
    return Counted(true, positive, scored)


def agreement(
    decisions: Counted,
    classes: Sequence[str],
    *,
    averaged: NDArray[np.bool_] | None = None,
    patients: NDArray[np.int64] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Agreement:
    """Measure agreement, with percentile bootstrap intervals (Efron 1979).

    Exams are drawn with replacement; with `patients`, patients with all their exams. Exams with
    the same outcome in every class are interchangeable, so a draw is a multinomial vector over the
    distinct outcomes, and the counts of all draws are one matrix product. The result does not
    depend on the order of the exams.

    Parameters
    ----------
    decisions
        From `counted`.
    classes
        Names, (n_classes,).
    averaged
        Classes that enter micro and macro, bool (n_classes,); all by default.
    patients
        The number of each exam's patient, int (n_exams,).
    draws, seed
        Of the bootstrap.
    """
    chosen = np.ones(len(classes), bool) if averaged is None else np.asarray(averaged, bool)
    patterns, times = _patterns(decisions, patients)
    return _measured(patterns, times, classes, chosen, draws, seed)


def agreement_of_counts(
    cells: NDArray[np.int64], name: str, *, draws: int = 1000, seed: int = 0
) -> Agreement:
    """Measure the agreement of one class from its confusion, exams drawn one by one.

    The figures and intervals are those of `agreement` with uncertain states read as negative.

    Parameters
    ----------
    cells
        Exams by gold state and labels' state, int (4, 4), as in `STATES`.
    name
        The class.
    draws, seed
        Of the bootstrap.
    """
    tp, fn, fp = cells[0, 0], cells[0, 1:].sum(), cells[1:, 0].sum()
    times = np.array([tp, fp, fn, cells[1:, 1:].sum()], np.int64)
    patterns = np.eye(_OUTCOMES, dtype=np.int64)[:, None, :]
    return _measured(patterns[times > 0], times[times > 0], [name], np.ones(1, bool), draws, seed)


def _measured(
    patterns: NDArray[np.int64],
    times: NDArray[np.int64],
    classes: Sequence[str],
    chosen: NDArray[np.bool_],
    draws: int,
    seed: int,
) -> Agreement:
    """Return the agreement of units with these outcomes, each there so many times."""
    units = int(times.sum())
    whole = np.tensordot(times, patterns, axes=1).reshape(len(classes), _OUTCOMES)
    with_positives = chosen & (whole[:, 0] + whole[:, 2] > 0)
    figures = _figures(whole[None].astype(float), chosen, with_positives)[0]
    samples = []
    if units and draws:
        generator = np.random.default_rng(seed)
        flat = patterns.reshape(len(patterns), -1).astype(float)
        block = max(1, _CELLS // len(patterns))
        for begin in range(0, draws, block):
            size = min(block, draws - begin)
            weights = generator.multinomial(units, times / units, size=size).astype(float)
            counts = (weights @ flat).reshape(size, len(classes), _OUTCOMES)
            samples.append(_figures(counts, chosen, with_positives))
    ends = np.full((2, *figures.shape), np.nan)
    if samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: no interval
            ends = np.nanquantile(np.concatenate(samples), _LEVEL, axis=0)
    return Agreement(
        tuple(classes), chosen, whole.astype(np.int64), np.stack([figures, *ends], axis=-1)
    )


def confusion(
    gold: NDArray[np.int8], said: NDArray[np.int8], judged: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return exams by gold state and labels' state, int64 (n_classes, 4, 4), as in `STATES`.

    Where `judged`, bool (n_exams, n_classes), is false the exam is left out of the class.
    """
    n_classes = gold.shape[1]
    place = np.zeros(256, np.int64)
    place[np.array(STATES, np.int8).view(np.uint8)] = np.arange(len(STATES))
    row, column = place[gold.view(np.uint8)], place[said.view(np.uint8)]
    cell = (np.arange(n_classes) * len(STATES) + row) * len(STATES) + column
    counted_cells = cell.ravel() if judged is None else cell[judged]
    counts = np.bincount(counted_cells, minlength=n_classes * len(STATES) ** 2)
    return counts.reshape(n_classes, len(STATES), len(STATES))


def _patterns(
    decisions: Counted, patients: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct outcomes of units, (n_patterns, n_classes, 4), and how often each is."""
    true, said, scored = decisions
    # 0 tp, 1 fp, 2 fn, 3 tn, 4 left out.
    code = np.where(scored, np.where(said, ~true, 3 - true.astype(np.int8)), 4).astype(np.uint8)
    if patients is None:
        codes, times = np.unique(code, axis=0, return_counts=True)
        return (codes[..., None] == np.arange(_OUTCOMES)).astype(np.int64), times
    order = np.argsort(patients, kind="stable")
    starts = np.flatnonzero(np.diff(patients[order], prepend=np.nan) != 0)
    single = (code[order][..., None] == np.arange(_OUTCOMES)).astype(np.int32)
    sums = np.add.reduceat(single, starts, axis=0) if len(starts) else single
    patterns, times = np.unique(sums, axis=0, return_counts=True)
    return patterns.astype(np.int64), times


def _figures(
    counts: NDArray[np.float64], chosen: NDArray[np.bool_], with_positives: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the measures (n_samples, n_classes + 2, 4) of outcomes (n_samples, n_classes, 4)."""
    by_class = _measures(counts)
    micro = _measures(counts[:, chosen].sum(axis=1, keepdims=True))
    known = by_class[:, with_positives].copy()
    known[..., 0] = np.nan_to_num(known[..., 0], nan=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no class, or no positive in a draw
        macro = np.nanmean(known, axis=1, keepdims=True)
    return np.concatenate([by_class, micro, macro], axis=1)


def _measures(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    tp, fp, fn, tn = np.moveaxis(counts, -1, 0)
    n = tp + fp + fn + tn
    expected = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)  # p_e n²
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = (n * (tp + tn) - expected) / (n * n - expected)
        figures = [tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn), kappa]
    return np.stack(figures, axis=-1)
