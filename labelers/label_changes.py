"""What another vocabulary or version changed: label states before and after.

States are int8 matrices (n_exams, n_classes): 1 positive, 0 negative, -1 uncertain, and
`NOT_MENTIONED` for null, of the same exams and classes in the same order.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.agreement import STATES, confusion
from labelers.agreement_examples import in_turn

# Transitions by how much they overturn: a firm state for its opposite, a positive that came or
# went, a hedge that came or went, and a negative that came or went.
_RANKS = {
    (0, 1): 0,
    (1, 0): 0,
    (int(NOT_MENTIONED), 1): 1,
    (1, int(NOT_MENTIONED)): 1,
    (1, -1): 2,
    (-1, 1): 2,
}
_OTHER, _NEGATIVE = 3, 4


class Change(NamedTuple):
    """A row and column of the state matrices, with the states before and after."""

    exam: int
    label_class: int
    old: int
    new: int


def transitions(old: NDArray[np.int8], new: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return exams by state before and after, int64 (n_classes, 4, 4), as in `STATES`.

    What did not change is on the diagonals.
    """
    return confusion(old, new)


def changes(old: NDArray[np.int8], new: NDArray[np.int8]) -> list[Change]:
    """Return every change, those that overturn most first.

    Ranks: 0 ↔ 1; null ↔ 1; -1 ↔ 1; other changes with -1; null ↔ 0. Within a rank one exam of each
    class in turn, the classes with the most changes first.
    """
    exam, column = np.nonzero(old != new)
    before, after = old[exam, column], new[exam, column]
    rank = np.where((before == -1) | (after == -1), _OTHER, _NEGATIVE)
    for (first, second), value in _RANKS.items():
        rank[(before == first) & (after == second)] = value
    return [
        Change(int(exam[n]), int(column[n]), int(before[n]), int(after[n]))
        for n in in_turn(rank, column)
    ]


def moved(counts: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """Return (before, after, exams) of the changes in counts (4, 4), the most frequent first."""
    found = [
        (STATES[b], STATES[a], int(counts[b, a]))
        for b in range(len(STATES))
        for a in range(len(STATES))
        if a != b and counts[b, a]
    ]
    return sorted(found, key=lambda row: -row[2])
