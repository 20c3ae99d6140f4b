"""Folds by patient."""

import numpy as np


def patient_folds(
    patients: np.ndarray, n_folds: int = 5, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Split images into folds so that no patient is in two.

    Patients are drawn in random order and each joins the fold that has fewest images so far, so
    that folds are of nearly equal size however many images a patient has.

    Parameters
    ----------
    patients
        Integers `(n,)`.
    n_folds
        At least 2 and at most the number of patients.

    Returns
    -------
    For each fold (training rows, held-out rows), int64, both rising.
    """
    names, codes, sizes = np.unique(patients, return_inverse=True, return_counts=True)
    if not 2 <= n_folds <= len(names):
        raise ValueError(f"{n_folds} folds cannot be made of {len(names)} patients")
    fold_of = np.empty(len(names), dtype=np.int64)
    filled = np.zeros(n_folds, dtype=np.int64)
    order = np.random.default_rng(seed).permutation(len(names))
    # The patients with most images first: the others even out what those leave.
    for patient in order[np.argsort(-sizes[order], kind="stable")]:
        fold_of[patient] = filled.argmin()
        filled[fold_of[patient]] += sizes[patient]
    folds = fold_of[codes]
    return [(np.flatnonzero(folds != f), np.flatnonzero(folds == f)) for f in range(n_folds)]
