"""Fan-out inside a stage: one function over chunks, in order, on this machine's processes."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

# Enough for the workers to go on while the caller checks and commits what came back.
_AHEAD = 4

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def processes(workers: int) -> int:
    """Return the number of processes that the setting `workers` means (0: one a core)."""
    return workers or os.cpu_count() or 1


def map_chunks(
    function: Callable[[Chunk], Result], chunks: Iterable[Chunk], workers: int
) -> Iterator[Result]:
    """Yield ``function(chunk)`` for each chunk, in order.

    With one worker it runs here; otherwise in a pool of `workers` fresh processes, with at most
    `_AHEAD` chunks a worker on their way, so that memory does not grow with the input. `function`
    must be importable by name.
    """
    if workers <= 1:
        yield from map(function, chunks)
        return
    # Fresh processes: a forked copy of a process with running threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Result]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(function, chunk))
            if len(waiting) >= _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
