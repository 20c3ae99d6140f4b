"""From the mentions of exams to one state a finding.

A mention counts by its assertion: present 1, uncertain -1, absent and resolved 0; historical and
hypothetical mentions, and «no new …», say nothing of the state. For one finding of one exam:

1. stated present in the impression: 1;
2. denied in the impression, without a qualifier («no large …») and without a hedge there: 0,
   whatever other sections say: the impression settles;
3. present anywhere: 1 (one side absent and the other present is present);
4. uncertain anywhere: -1;
5. absent anywhere: 0; else null.

Then the hierarchy. A positive finding makes every finding above it positive; an uncertain one makes
those above it uncertain unless they are positive. A denied finding makes those under it 0 where
nothing else is said of them, unless it is an umbrella: «no opacity» does not speak of nodules. A
denied finding says nothing of those above it. Last, a statement of normality («the lungs are
clear») gives 0 to what it excludes where nothing else is said.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelers.vocabulary import Vocabulary

NOT_MENTIONED = np.int8(2)  # in state matrices, for null

# Bits of a mention's part in the aggregation.
IN_IMPRESSION, QUALIFIED = 1, 2


class Hierarchy(NamedTuple):
    """Edges between columns, in the order in which they are to be followed.

    `up` are (child, parent) with children first; `down` are (parent, child) with parents first,
    without umbrellas; `excluded` are (statement of normality, finding).
    """

    up: tuple[tuple[int, int], ...]
    down: tuple[tuple[int, int], ...]
    excluded: tuple[tuple[int, int], ...]


def hierarchy_of(vocabulary: Vocabulary) -> Hierarchy:
    """Return the edges of a vocabulary as column numbers."""
    column = {finding: number for number, finding in enumerate(vocabulary.finding_ids)}
    depth = {finding: _depth(vocabulary, finding) for finding in vocabulary.finding_ids}
    by_depth = sorted(vocabulary.finding_ids, key=lambda finding: -depth[finding])
    up = [
        (column[child], column[parent])
        for child in by_depth
        for parent in vocabulary.by_id[child].parents
    ]
    down = [
        (column[parent], column[child])
        for child in reversed(by_depth)
        for parent in vocabulary.by_id[child].parents
        if not vocabulary.by_id[parent].umbrella
    ]
    excluded = [(column[f.id], column[other]) for f in vocabulary.findings for other in f.excludes]
    return Hierarchy(tuple(up), tuple(down), tuple(excluded))


def _depth(vocabulary: Vocabulary, finding: str) -> int:
    parents = vocabulary.by_id[finding].parents
    return 1 + max(_depth(vocabulary, parent) for parent in parents) if parents else 0


def aggregate(
    exam: NDArray[np.int32],
    finding: NDArray[np.int32],
    state: NDArray[np.int8],
    part: NDArray[np.int8],
    n_exams: int,
    n_findings: int,
    hierarchy: Hierarchy,
) -> NDArray[np.int8]:
    """Return the states, int8 (n_exams, n_findings), `NOT_MENTIONED` for null.

    Parameters
    ----------
    exam, finding
        Row and column of each mention, (n_mentions,).
    state
        What each mention says: 1, 0, -1 or `NOT_MENTIONED`, (n_mentions,).
    part
        `IN_IMPRESSION` and `QUALIFIED` bits of each mention, (n_mentions,).
    """

    def stated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        matrix = np.zeros((n_exams, n_findings), bool, order="F")
        matrix[exam[mask], finding[mask]] = True
        return matrix

    impression = (part & IN_IMPRESSION) != 0
    firm = (part & QUALIFIED) == 0
    settled = stated((state == 0) & impression & firm)
    settled &= ~stated((state != 0) & (state != NOT_MENTIONED) & impression)
    states = np.full((n_exams, n_findings), NOT_MENTIONED, np.int8, order="F")
    states[stated(state == 0)] = 0
    states[stated(state == -1)] = -1
    states[stated(state == 1)] = 1
    states[settled] = 0
    for child, parent in hierarchy.up:
        below, above = states[:, child], states[:, parent]
        above[(below == -1) & (above != 1)] = -1
        above[below == 1] = 1
    for parent, child in hierarchy.down:
        above, below = states[:, parent], states[:, child]
        below[(above == 0) & (below == NOT_MENTIONED)] = 0
    for statement, other in hierarchy.excluded:
        said, denied = states[:, statement], states[:, other]
        denied[(said == 1) & (denied == NOT_MENTIONED)] = 0
    return states
