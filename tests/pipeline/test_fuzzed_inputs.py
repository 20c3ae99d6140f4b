"""A few seconds of the fuzz benchmark: no damaged input crashes, hangs or bloats a reader."""

import sys

import pytest

from tests.benchmarks.fuzz_damage import damaged
from tests.benchmarks.fuzz_inputs import A_TURN, fuzz
from tests.benchmarks.fuzz_seeds import seeds

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")


def test_damaged_inputs_are_refused_or_read_in_part() -> None:
    tallies = fuzz(2 * A_TURN * len(seeds()), workers=1, seed=10**9)
    assert {kind: tally.failures for kind, tally in tallies.items() if tally.failures} == {}
    assert all(tally.inputs for tally in tallies.values())
    assert sum(tally.read for tally in tallies.values()) > 100
    assert sum(tally.refused for tally in tallies.values()) > 100


def test_the_same_number_gives_the_same_input() -> None:
    import random

    everything = [content for contents in seeds().values() for content in contents]
    first, again = (
        [damaged(random.Random(n), content, everything) for n, content in enumerate(everything)]
        for _ in range(2)
    )
    assert [len(content) for content in first] == [len(content) for content in again]
    assert sum(a != b for a, b in zip(first, everything, strict=True)) > len(first) // 2
