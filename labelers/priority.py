"""The reporting priority of an exam: critical, urgent, non_urgent or normal.

It is the highest priority of the findings that are positive (the rule of Annarumma et al. 2019, in
their published code), or uncertain. That uncertain findings count is our reading: a report that
says «possible pneumothorax» must not wait behind those that say there is none. A finding that is
positive only because one under it is (a nodule because of a calcified nodule) gives way to that
one. An exam without any such finding is normal; so is one whose report says nothing.
"""

import numpy as np
import pyarrow as pa

from labelers.rule_labeler import Labelling
from labelers.schemes import Scheme, StateColumns
from labelers.vocabulary.loader import PRIORITIES


def priorities(labels: pa.Table, scheme: Scheme, *, uncertain: bool = True) -> pa.Array:
    """Return the priority of each exam as strings, (n_exams,).

    Parameters
    ----------
    labels
        Nullable int8 columns by finding, as in the labels table.
    scheme
        Whose priorities count: its own if it sets any, else the vocabulary's.
    uncertain
        Whether uncertain findings count like positive ones.
    """
    lowest = len(PRIORITIES) - 1
    states = StateColumns(labels)
    level = np.full(labels.num_rows, lowest, np.int8)
    for finding, priority in scheme.priorities.items():
        rank = PRIORITIES.index(priority)
        if rank == lowest:
            continue
        for state in (1, -1) if uncertain else (1,):
            np.minimum(level, rank, out=level, where=scheme.itself(states, finding, state))
    return pa.array(PRIORITIES).take(pa.array(level))


def deciding_findings(labelling: Labelling, scheme: Scheme, *, uncertain: bool = True) -> list[str]:
    """Return the findings that give one labelled report its priority, in column order."""
    states = labelling.states
    counted = (1, -1) if uncertain else (1,)
    standing = [
        finding
        for finding in scheme.priorities
        if states.get(finding) in counted
        and all(states.get(below) != states[finding] for below in scheme.under[finding])
    ]
    level = priority_of(labelling, scheme, uncertain=uncertain)
    return [f for f in standing if scheme.priorities[f] == level != PRIORITIES[-1]]


def priority_of(labelling: Labelling, scheme: Scheme, *, uncertain: bool = True) -> str:
    """Return the priority of one labelled report, as `priorities` does."""
    states = {f: pa.array([labelling.states.get(f)], pa.int8()) for f in scheme.priorities}
    level: str = priorities(pa.table(states), scheme, uncertain=uncertain)[0].as_py()
    return level
