"""pydicom kept from telling what it reads.

pydicom warns of each departure from the standard, through `warnings` and through its logger, and
quotes the value: a patient's name or number could reach a terminal or a log.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_pydicom() -> Iterator[None]:
    """Drop what pydicom and its decoders warn of or log; errors are raised as ever."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
