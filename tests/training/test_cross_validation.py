import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.cross_validation import patient_folds


@settings(deadline=None, max_examples=30, derandomize=True)
@given(patients=st.lists(st.integers(0, 12), min_size=6, max_size=60), seed=st.integers(0, 9))
def test_no_patient_is_on_two_sides_and_every_image_is_held_out_once(patients, seed):
    codes = np.array([*patients, 0, 1, 2])
    folds = patient_folds(codes, 3, seed)
    assert len(folds) == 3
    for train, held_out in folds:
        assert not np.intersect1d(codes[train], codes[held_out]).size
        assert sorted([*train, *held_out]) == list(range(len(codes)))
    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(len(codes)))


def test_folds_are_of_nearly_equal_size_though_patients_are_not():
    sizes = np.random.default_rng(0).integers(1, 30, 60)
    patients = np.repeat(np.arange(60), sizes)
    held_out = [len(rows) for _, rows in patient_folds(patients, 5)]
    assert max(held_out) - min(held_out) <= 2


def test_same_seed_same_folds():
    patients = np.arange(40) // 2
    one, same = patient_folds(patients, 4, 1), patient_folds(patients, 4, 1)
    other = patient_folds(patients, 4, 2)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a[1], b[1]) for a, b in zip(one, other, strict=True))


def test_more_folds_than_patients_are_refused():
    with pytest.raises(ValueError, match="3 patients"):
        patient_folds(np.array([1, 2, 3]), 4)
