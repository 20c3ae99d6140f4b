"""Fan-out over chunks: in order, the same with any number of processes, errors told."""

from collections.abc import Iterator
from functools import partial

import pytest

from pipeline.engine import map_chunks, processes


def test_results_are_in_order_and_equal_for_one_and_two_processes() -> None:
    here = list(map_chunks(_words_of_uneven_length, range(12), 1))
    assert here == [_words_of_uneven_length(n) for n in range(12)]
    assert list(map_chunks(_words_of_uneven_length, range(12), 2)) == here


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_chunk_reaches_the_caller(workers: int) -> None:
    results = map_chunks(partial(int, base=10), ["1", "2", "x"], workers)
    with pytest.raises(ValueError, match="invalid literal"):
        list(results)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_source_of_chunks_reaches_the_caller(workers: int) -> None:
    def chunks() -> Iterator[str]:
        yield "1"
        raise OSError("the file ends here")

    with pytest.raises(OSError, match="ends here"):
        list(map_chunks(int, chunks(), workers))


def test_no_chunks_give_no_results() -> None:
    assert list(map_chunks(int, [], 2)) == []


def test_chunks_are_taken_as_they_are_needed() -> None:
    taken = []

    def chunks() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield str(number)

    results = map_chunks(int, chunks(), 2)
    assert next(results) == 0
    assert len(taken) <= 8
    results.close()  # type: ignore[attr-defined]


def test_no_number_of_processes_means_one_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert processes(0) == 6
    assert processes(2) == 2


def _words_of_uneven_length(number: int) -> str:
    return "word " * (1 if number % 3 else 20_000) + str(number)
