"""Rules and learned labeler side by side: a consensus, and a queue for review.

The consensus keeps every firm state of the rules and lets the learned labeler decide hedged ones:
-1 becomes 1 where its probability is at least a half (0.5), and stays -1 otherwise. Our reading.

The queue ranks exam and class by

    score = (|t - p| + (1 - |2p - 1|) / 2) · w

with t the rule's state as a target (1, 0 for 0 and null, 0.5 for -1), p the probability, and w the
rarity of the class, -log2 of the share of exams with it positive, over the largest of these. The
first term is disagreement, the second uncertainty. Our reading.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED


def consensus(rule: NDArray[np.int8], probability: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the consensus states, int8 (n_exams, n_classes), of both by exam and class."""
    return np.where((rule == -1) & (probability >= 0.5), 1, rule).astype(np.int8)


def review_queue(
    exam_ids: pa.Array,
    classes: Sequence[str],
    rule: NDArray[np.int8],
    probability: NDArray[np.float32],
) -> pa.Table:
    """Return exam and class by how much a second look is worth, the most first.

    Parameters
    ----------
    exam_ids, classes
        Of the rows and columns.
    rule, probability
        (n_exams, n_classes).

    Returns
    -------
    pa.Table
        `exam_id`, `class`, `rule_state` (null where nothing was said), `probability`, `score` and
        `reason` (disagreement or uncertainty); only rows where the two disagree (|t - p| ≥ 0.5) or
        either is uncertain.
    """
    target = np.select([rule == 1, rule == -1], [1.0, 0.5], 0.0)
    distance = np.abs(target - probability)
    doubt = 1 - np.abs(2 * probability.astype(np.float64) - 1)
    share = np.maximum((rule == 1).mean(axis=0), 1 / max(len(rule), 1))
    rarity = -np.log2(np.minimum(share, 1 - 1e-9))
    score = (distance + doubt / 2) * (rarity / max(rarity.max(), 1e-9))
    disagree = (distance >= 0.5) & (rule != -1)
    exam, column = np.nonzero(disagree | (rule == -1) | (doubt >= 0.5))
    order = np.lexsort((column, exam, -score[exam, column]))
    exam, column = exam[order], column[order]
    state = rule[exam, column]
    return pa.table(
        {
            "exam_id": exam_ids.take(pa.array(exam)),
            "class": pa.array(np.array(classes, dtype=object)[column], pa.string()),
            "rule_state": pa.array(state, mask=state == NOT_MENTIONED),
            "probability": pa.array(probability[exam, column]),
            "score": pa.array(score[exam, column].astype(np.float32)),
            "reason": pa.array(
                np.where(disagree[exam, column], "disagreement", "uncertainty"), pa.string()
            ),
        }
    )
