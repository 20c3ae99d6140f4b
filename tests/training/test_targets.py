import numpy as np
import pytest

from training.targets import evaluation_labels, member_classes, training_targets

CLASSES = ["No Finding", "Edema", "Pneumonia", "Support Devices"]
STATES = np.ma.masked_equal(
    np.array(
        [
            [1, 0, 9, 1],  # normal with a device
            [9, 1, -1, 0],  # edema, possible pneumonia
            [0, 9, 9, 1],  # nothing but a device: empty, not normal
            [1, 9, 1, 9],  # contradiction: no finding, and pneumonia
            [-1, 0, 0, 9],  # perhaps normal
        ],
        dtype=np.int8,
    ),
    9,
)


def test_targets_of_states():
    targets, normal = training_targets(STATES, CLASSES, "No Finding", ["Support Devices"])
    assert targets.dtype == np.float32
    assert targets.tolist() == [[0, 0], [1, 0.5], [0, 0], [0, 1], [0, 0]]
    assert normal.tolist() == [True, False, False, False, False]


def test_missing_may_be_masked_or_nan():
    as_float = np.ma.filled(STATES.astype(np.float64), np.nan)
    for one, other in zip(
        training_targets(STATES, CLASSES, "No Finding", ["Support Devices"]),
        training_targets(as_float, CLASSES, "No Finding", ["Support Devices"]),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_target_of_uncertain_states_can_be_set():
    targets, _ = training_targets(STATES, CLASSES, "No Finding", uncertain=0.0)
    assert targets[1].tolist() == [1, 0, 0]
    assert targets[0].tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="uncertain"):
        training_targets(STATES, CLASSES, "No Finding", uncertain=2.0)


def test_evaluation_counts_only_positive_states():
    labels, normal, uncertain = evaluation_labels(STATES, CLASSES, "No Finding", CLASSES[3:])
    assert labels.tolist() == [
        [False, False],
        [True, False],
        [False, False],
        [False, True],
        [False, False],
    ]
    assert normal.tolist() == [True, False, False, False, False]
    assert uncertain.tolist() == [False, True, False, False, True]


def test_without_a_normal_class_no_exam_is_normal():
    targets, normal = training_targets(np.zeros((3, 2), np.int8), ["Edema", "Mass"], None)
    assert targets.shape == (3, 2)
    assert not normal.any()


def test_errors_name_the_fault():
    with pytest.raises(ValueError, match="'Mass'"):
        member_classes(CLASSES, "No Finding", ["Mass"])
    with pytest.raises(ValueError, match="shape"):
        training_targets(np.zeros((3, 2), np.int8), CLASSES, "No Finding")
    with pytest.raises(ValueError, match="not 1, 0, -1"):
        training_targets(np.full((1, 4), 2, np.int8), CLASSES, "No Finding")
