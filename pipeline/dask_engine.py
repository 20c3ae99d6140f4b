"""Fan-out inside a stage on the workers of an existing Dask cluster."""

import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.user_error import UserError

if TYPE_CHECKING:
    from distributed import Client

# Seconds in which the scheduler must answer and have a worker.
CONNECT = 30.0

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def map_on_cluster(
    function: Callable[[Chunk], Result],
    chunks: Iterable[Chunk],
    scheduler: str,
    *,
    ahead: int,
    patience: float,
) -> Iterator[Result]:
    """Yield ``function(chunk)`` for each chunk, in order, computed by the cluster's workers.

    At most `ahead` chunks a worker thread are on their way; a chunk and its result leave the
    cluster when the result is yielded. Dask computes the chunks of a worker that dies again on
    another. `function` must be importable on the workers.

    Raises
    ------
    UserError
        The scheduler cannot be reached or is lost, no worker is there, workers died over the same
        chunk again and again, or a chunk was not answered for `patience` seconds.
    """
    client, threads = _connected(scheduler)
    # Not pure: Dask would hash each chunk, and share a result that is then released.
    prefix = f"radsim-{uuid.uuid4().hex}"
    waiting: deque[Any] = deque()
    try:
        for number, chunk in enumerate(chunks):
            key = f"{prefix}-{number}"
            waiting.append(client.submit(function, chunk, key=key, pure=False))
            if len(waiting) >= ahead * threads:
                yield _taken(waiting.popleft(), scheduler, patience)
        while waiting:
            yield _taken(waiting.popleft(), scheduler, patience)
    finally:
        # Chunks that nobody waits for any more would hold the cluster's workers.
        if waiting and client.status == "running":
            client.cancel(list(waiting), force=True)
        client.close(timeout=5)


def _connected(scheduler: str) -> tuple["Client", int]:
    """Return a client of the cluster and how many threads its workers have."""
    from distributed import Client

    client = None
    try:
        client = Client(scheduler, timeout=CONNECT, set_as_default=False)
        client.wait_for_workers(1, timeout=CONNECT)
        return client, max(sum(client.nthreads().values()), 1)
    except (OSError, ValueError) as error:
        if client is None:
            what = "does not answer"
        else:
            client.close(timeout=5)
            what = "has no worker"
        raise UserError(
            f"[engine] scheduler {scheduler}: {what} ({type(error).__name__}); start the cluster, "
            "or set engine.kind=local"
        ) from None


def _taken(future: Any, scheduler: str, patience: float) -> Any:
    """Wait for one chunk and return its result; errors of the function come as they are."""
    from distributed import KilledWorker

    try:
        return future.result(timeout=patience)
    except TimeoutError:
        if future.done():
            # The function's own.
            raise
        raise UserError(
            f"a Dask worker has not answered for {patience:,.0f} s; nothing was changed; see "
            "whether a drive or network folder hangs, then run again"
        ) from None
    except KilledWorker:
        raise UserError(
            "several Dask workers died over the same chunk, most often for want of memory; "
            "nothing was changed; give the workers more memory, then run again"
        ) from None
    except CancelledError:
        raise _lost(scheduler) from None
    finally:
        future.release()


def _lost(scheduler: str) -> UserError:
    return UserError(
        f"[engine] scheduler {scheduler}: the connection was lost; nothing was changed; see that "
        "the cluster runs, then run again"
    )
