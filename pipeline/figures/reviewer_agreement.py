"""How far two reviewers agree who decided on the same questions."""

from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.review_decisions import STATE, standing

# The states of a question, in the order of a confusion's rows and columns.
STATES = (1, -1, 0, None)
_DRAWS = 1_000


def reviewer_agreement(decisions: pa.Table, scheme: str) -> pd.DataFrame:
    """Return a row a pair of reviewers who decided on the same exam and class.

    Columns: first, second (reviewers), questions (that both decided on), same (share with the same
    of the four states), kappa (Cohen 1960, of the four states), low, high (its 95 % interval,
    bootstrap over questions; null where all say the same state). Skips are no decisions.

    Parameters
    ----------
    decisions
        Rows of table `reviews`.
    scheme
        The scheme whose classes are looked at.
    """
    said: dict[str, dict[tuple[str, str], int | None]] = {}
    for row in standing(decisions).to_pylist():
        if row["decision"] == STATE and row["scheme"] == scheme:
            question = (row["exam_id"], row["class"])
            said.setdefault(row["reviewer"], {})[question] = row["state"]
    rows = []
    for first, second in combinations(sorted(said), 2):
        both = sorted(said[first].keys() & said[second].keys())
        if both:
            pairs = [(said[first][question], said[second][question]) for question in both]
            rows.append({"first": first, "second": second, **_figures(pairs)})
    columns = ["first", "second", "questions", "same", "kappa", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def _figures(pairs: list[tuple[int | None, int | None]]) -> dict[str, float]:
    cells = np.zeros((len(STATES),) * 2)
    for one, other in pairs:
        cells[STATES.index(one), STATES.index(other)] += 1
    drawn = np.random.default_rng(0).multinomial(len(pairs), cells.ravel() / len(pairs), _DRAWS)
    samples = _kappa(drawn.reshape(-1, *cells.shape))
    samples = samples[~np.isnan(samples)]
    low, high = np.quantile(samples, [0.025, 0.975]) if len(samples) else (np.nan, np.nan)
    return {
        "questions": len(pairs),
        "same": float(np.trace(cells) / len(pairs)),
        "kappa": float(_kappa(cells[None])[0]),
        "low": float(low),
        "high": float(high),
    }


def _kappa(cells: np.ndarray) -> np.ndarray:
    """Return Cohen's κ of confusions `(n, k, k)`; NaN where both say one state throughout."""
    total = cells.sum(axis=(1, 2))
    observed = np.trace(cells, axis1=1, axis2=2) / total
    expected = (cells.sum(axis=1) * cells.sum(axis=2)).sum(axis=1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)
