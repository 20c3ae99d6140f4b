import threading
import time

import pytest

from training.prefetch import Prefetched


def test_items_come_in_order_each_with_what_was_made_of_it():
    with Prefetched(lambda item: item * 2, list(range(20))) as ready:
        assert list(ready) == [(item, item * 2) for item in range(20)]


def test_the_next_is_made_while_the_last_is_used():
    made = threading.Event()

    def make(item):
        if item == 1:
            made.set()
        return item

    with Prefetched(make, [0, 1]) as ready:
        next(ready)
        assert made.wait(timeout=5)


def test_waiting_is_counted():
    with Prefetched(lambda item: time.sleep(0.05), [0]) as ready:
        next(ready)
        assert ready.waited >= 0.04


def test_what_goes_wrong_is_raised_at_its_item():
    def make(item):
        if item == 2:
            raise ValueError("damaged")
        return item

    with Prefetched(make, [0, 1, 2]) as ready:
        assert next(ready)[0] == 0
        assert next(ready)[0] == 1
        with pytest.raises(ValueError, match="damaged"):
            next(ready)
