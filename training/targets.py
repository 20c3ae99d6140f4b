"""Label states to training targets and to evaluation labels.

A state is 1 positive, 0 negative, -1 uncertain, missing not mentioned. A matrix of states is
`(n, n_classes)`: an integer array, a numpy masked array (masked = not mentioned), or a
floating-point array (NaN = not mentioned). Members of an exam's label set are all classes but the
normal class and the classes left out (devices).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np


def member_classes(
    classes: Sequence[str], normal_class: str | None, left_out: Sequence[str] = ()
) -> list[str]:
    """Return the classes that may be members of a label set, in their order.

    Raises `ValueError` when `normal_class` or a class of `left_out` is not among `classes`.
    """
    aside = [*left_out, *([] if normal_class is None else [normal_class])]
    unknown = [name for name in aside if name not in classes]
    if unknown:
        raise ValueError(f"no such class in the label scheme: {', '.join(map(repr, unknown))}")
    return [name for name in classes if name not in aside]


def training_targets(
    states: Any,
    classes: Sequence[str],
    normal_class: str | None,
    left_out: Sequence[str] = (),
    uncertain: float = 0.5,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn label states into training targets.

    Parameters
    ----------
    states
        `(n, n_classes)` states, see the module.
    classes
        Names of the columns of `states`.
    normal_class
        The class that says «no finding»; None when the scheme has none (no exam is then normal).
    left_out
        Classes that are no members of a label set (devices).
    uncertain
        Target of an uncertain state, from 0 to 1.

    Returns
    -------
    targets
        float32 `(n, n_members)`: 1 for 1, 0 for 0 and not mentioned, `uncertain` for -1.
    normal
        bool `(n,)`: the normal class is positive and no member is positive. An empty label set
        alone does not make an exam normal.
    """
    if not 0.0 <= uncertain <= 1.0:
        raise ValueError(f"the target of an uncertain state must lie in 0..1, not {uncertain}")
    members, normal_state = _split(states, classes, normal_class, left_out)
    targets = (members == 1).astype(np.float32)
    targets[members == -1] = uncertain
    return targets, (normal_state == 1) & ~(members == 1).any(axis=1)


def evaluation_labels(
    states: Any,
    classes: Sequence[str],
    normal_class: str | None,
    left_out: Sequence[str] = (),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn label states into the labels an embedding is judged by: positive = 1 only.

    Parameters as in `training_targets`.

    Returns
    -------
    labels
        bool `(n, n_members)`: the member is positive.
    normal
        bool `(n,)`, as in `training_targets`.
    uncertain
        bool `(n,)`: the exam carries an uncertain state in a member or the normal class.
    """
    members, normal_state = _split(states, classes, normal_class, left_out)
    labels = members == 1
    uncertain = (members == -1).any(axis=1) | (normal_state == -1)
    return labels, (normal_state == 1) & ~labels.any(axis=1), uncertain


def _split(
    states: Any, classes: Sequence[str], normal_class: str | None, left_out: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Check `states`; return the member columns and the normal column as int8, missing as 0."""
    masked = np.ma.masked_invalid(np.ma.asarray(states, dtype=np.float32))
    if masked.ndim != 2 or masked.shape[1] != len(classes):
        raise ValueError(f"states have shape {masked.shape}, expected (n, {len(classes)})")
    filled = np.ma.filled(masked, 0.0)
    if not np.isin(filled, (-1.0, 0.0, 1.0)).all():
        raise ValueError("a label state is not 1, 0, -1 or missing")
    filled = filled.astype(np.int8)
    members = [classes.index(name) for name in member_classes(classes, normal_class, left_out)]
    if normal_class is None:
        return filled[:, members], np.zeros(len(filled), dtype=np.int8)
    return filled[:, members], filled[:, classes.index(normal_class)]
