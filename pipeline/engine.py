"""Fan-out inside a stage: one function over chunks, in order, on processes or a Dask cluster."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeVar

from pipeline.dask_engine import map_on_cluster
from pipeline.settings import EngineSettings
from pipeline.user_error import UserError

# Enough for the workers to go on while the caller checks and commits what came back.
_AHEAD = 4
# Seconds until a worker that does not answer counts as hanging; a chunk takes a few.
PATIENCE = 600.0

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def processes(workers: int) -> int:
    """Return the number of processes that the setting `workers` means (0: one a core)."""
    return workers or os.cpu_count() or 1


def workers_of(engine: EngineSettings, *, many: bool) -> int | str:
    """Return who computes the chunks: so many processes here, or the Dask scheduler's address.

    Without `many` rows neither pays off, and the work is done in this process.
    """
    if not many:
        return 1
    return engine.scheduler if engine.kind == "dask" else processes(engine.workers)


def map_chunks(
    function: Callable[[Chunk], Result], chunks: Iterable[Chunk], workers: int | str
) -> Iterator[Result]:
    """Yield ``function(chunk)`` for each chunk, in order.

    With one worker it runs here; otherwise in a pool of `workers` fresh processes or, where
    `workers` is the address of a Dask scheduler, on its cluster, with at most `_AHEAD` chunks a
    worker on their way, so that memory does not grow with the input. `function` must be importable
    by name. No process of the pool outlives the call, nor this process.

    Raises
    ------
    UserError
        A worker died, or has not answered for `PATIENCE` seconds; of a cluster, as
        `pipeline.dask_engine.map_on_cluster` says.
    """
    if isinstance(workers, str):
        yield from map_on_cluster(function, chunks, workers, ahead=_AHEAD, patience=PATIENCE)
        return
    if workers <= 1:
        yield from map(function, chunks)
        return
    with _pool(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(function, chunk))
            if len(waiting) >= _AHEAD * workers:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of fresh processes, which end with the block at once if it fails."""
    # Fresh processes: a forked copy of a process with running threads may hang.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_end_with_parent
    )
    try:
        yield pool
    except BaseException as error:
        _kill(pool)
        if isinstance(error, BrokenProcessPool):
            raise UserError(
                "a worker process died, most often for want of memory; nothing was changed; run "
                "again, with fewer processes by --set engine.workers=1 should it happen again"
            ) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: "Future[Result]") -> Result:
    done, _ = wait([future], PATIENCE)
    if not done:
        raise UserError(
            f"a worker process has not answered for {PATIENCE:,.0f} s; nothing was changed; see "
            "whether a drive or network folder hangs, then run again"
        )
    return future.result()


def _kill(pool: ProcessPoolExecutor) -> None:
    # Nothing public ends a worker that hangs before Python 3.14 (`kill_workers`).
    for process in list((pool._processes or {}).values()):
        process.kill()


def _end_with_parent() -> None:
    """Let this worker end when the process that started it is killed: it would wait for ever."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
