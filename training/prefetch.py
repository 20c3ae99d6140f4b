"""Batches made ready in the background while the network works."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Ready = TypeVar("Ready")

# Batches made ready ahead of the one in use.
AHEAD = 2


class Prefetched(Iterator[tuple[Item, Ready]]):
    """Items in their order, each with what `make` gave for it, made by one background thread.

    `make` must not depend on when it is called; what it raises is raised here, at its item.

    Attributes
    ----------
    waited
        Seconds that the caller has waited for items so far.
    """

    def __init__(self, make: Callable[[Item], Ready], items: Sequence[Item]) -> None:
        self._make = make
        self._items = items
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
        self._pending: list[Future[Ready]] = []
        self._place = 0
        self.waited = 0.0

    def __enter__(self) -> "Prefetched[Item, Ready]":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __next__(self) -> tuple[Item, Ready]:
        """Return the next item and what was made of it."""
        if self._place >= len(self._items):
            raise StopIteration
        while len(self._pending) < AHEAD + 1:
            following = self._place + len(self._pending)
            if following >= len(self._items):
                break
            self._pending.append(self._pool.submit(self._make, self._items[following]))
        started = time.perf_counter()
        ready = self._pending.pop(0).result()
        self.waited += time.perf_counter() - started
        self._place += 1
        return self._items[self._place - 1], ready
