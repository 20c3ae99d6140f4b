"""Exams by two states of a class, one of each of two sides: what agreement and change rest on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelers import Scheme
from labelers.agreement import STATES
from pipeline.figures.class_states import state_of_class
from pipeline.figures.lake_queries import LakeQueries

# States as they are coded in a pair, in the order of `STATES`: null has no number of its own.
_CODES = (1, 0, -1, 2)


def states_of(
    scheme: Scheme, classes: Sequence[str], findings: frozenset[str], table: str = "labels"
) -> str:
    """Return the query of a table of labels: exam_id, and the state of class n as column `c<n>`."""
    columns = ", ".join(
        f'{state_of_class(scheme, name, findings)} as "c{n}"' for n, name in enumerate(classes)
    )
    return f"select exam_id, {columns} from {table}"


def state_pairs(
    queries: LakeQueries,
    first: str,
    second: str,
    n_classes: int,
    beside: Mapping[str, Any] | None = None,
) -> NDArray[np.int64]:
    """Return exams by state of the first and of the second side, int64 (n_classes, 4, 4).

    Rows and columns are as in `labelers.agreement.STATES`. Exams that one side lacks are left out.

    Parameters
    ----------
    first, second
        Queries as `states_of` makes them.
    beside
        Tables that they name and the lake has not.
    """
    codes = ", ".join(
        f'histogram((coalesce(a."c{n}", 2) + 1) * 4 + coalesce(b."c{n}", 2) + 1)'
        for n in range(n_classes)
    )
    told = queries.table(
        f"select {codes} from ({first}) a join ({second}) b using (exam_id)", beside=beside
    )
    cells = np.zeros((n_classes, len(STATES), len(STATES)), np.int64)
    for n, column in enumerate(told.columns):
        for code, exams in column[0].as_py() or ():
            row, at = divmod(int(code), 4)
            cells[n, _CODES.index(row - 1), _CODES.index(at - 1)] = exams
    return cells
