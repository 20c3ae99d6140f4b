"""Fan-out over chunks: in order, the same with any number of processes, errors told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import active_children
from pathlib import Path

import pytest

from pipeline import engine
from pipeline.engine import map_chunks, processes
from pipeline.user_error import UserError


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


def test_a_worker_that_dies_is_told_in_a_line() -> None:
    with pytest.raises(UserError, match=r"a worker process died.*engine\.workers=1") as told:
        list(map_chunks(os._exit, [1] * 4, 2))
    assert "\n" not in str(told.value)


def test_a_worker_that_hangs_is_told_in_a_line_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 1.0)
    with pytest.raises(UserError, match=r"not answered for 1 s.*then run again"):
        list(map_chunks(partial(_tell_and_hang, str(tmp_path)), range(4), 2))
    # Ended, not waited for: they would sleep for many minutes.
    assert not active_children()


def test_no_worker_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    folder = str(Path(engine.__file__).parent.parent)
    code = f"""
import sys; sys.path.insert(0, {folder!r})
from functools import partial
from tests.pipeline.test_engine import _tell_and_hang
from pipeline.engine import map_chunks
if __name__ == "__main__":
    list(map_chunks(partial(_tell_and_hang, {str(tmp_path)!r}), range(4), 2))
"""
    script = tmp_path / "starter.py"
    script.write_text(code)
    starter = subprocess.Popen([sys.executable, str(script)])
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    assert_all_end(tmp_path)


def assert_all_end(folder: Path) -> None:
    """Assert that the processes whose ids are in the folder end soon, if they have not."""
    processes_told = [int(file.stem) for file in folder.glob("*.pid")]
    assert processes_told
    until = time.monotonic() + 10
    while any(_runs(process) for process in processes_told):
        assert time.monotonic() < until
        time.sleep(0.02)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def _tell_and_hang(folder: str, number: int) -> None:
    (Path(folder) / f"{os.getpid()}.pid").touch()
    time.sleep(1000)


def _words_of_uneven_length(number: int) -> str:
    return "word " * (1 if number % 3 else 20_000) + str(number)
