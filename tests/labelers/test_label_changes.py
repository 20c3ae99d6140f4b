"""States before and after a change of vocabulary or version."""

import numpy as np

from labelers.agreement import STATES
from labelers.label_changes import changes, moved, transitions

NULL = STATES[3]


def test_transitions_are_counted_and_the_frequent_come_first() -> None:
    old = np.array([[0], [0], [1], [NULL], [1]], np.int8)
    new = np.array([[1], [1], [0], [-1], [1]], np.int8)
    counts = transitions(old, new)
    assert counts.sum() == 5
    assert moved(counts[0]) == [(0, 1, 2), (1, 0, 1), (NULL, -1, 1)]


def test_nothing_moved_where_nothing_changed() -> None:
    states = np.array([[0, 1, -1, NULL]], np.int8)
    assert changes(states, states) == []
    assert [moved(counts) for counts in transitions(states, states)] == [[]] * 4


def test_what_overturns_most_comes_first() -> None:
    pairs = [(0, NULL), (-1, 0), (1, -1), (NULL, 1), (1, 0)]
    old, new = (np.array([[pair[side]] for pair in pairs], np.int8) for side in (0, 1))
    assert [(c.old, c.new) for c in changes(old, new)] == pairs[::-1]


def test_classes_take_turns() -> None:
    old = np.zeros((3, 2), np.int8)
    new = np.array([[1, 1], [0, 1], [0, 1]], np.int8)
    assert [(c.exam, c.label_class) for c in changes(old, new)] == [(0, 1), (0, 0), (1, 1), (2, 1)]
