"""Drives and network folders that do not answer for a moment: wait, and read again."""

import errno
import functools
import re
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

Given = ParamSpec("Given")
Read = TypeVar("Read")

_PASSING = {
    errno.EAGAIN,
    errno.ECONNABORTED,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.EIO,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOTCONN,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
# As libraries say it that pass on the system's words without its number.
_WORDS = re.compile(r"input/output error|stale file handle|connection reset", re.I)


def may_pass(error: BaseException) -> bool:
    """Say whether the error, or one that led to it, is of a drive that may answer again."""
    return any(
        one.errno in _PASSING or (one.errno is None and _WORDS.search(str(one)))
        for one in _chain(error)
        if isinstance(one, OSError)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


class _Drive:
    """What the last reads of this process say of the drives it reads."""

    # After a wait in vain nothing is waited for until something is read, so that a drive that is
    # gone costs one wait and not one a file.
    gone = False


def read_again(read: Callable[Given, Read], *arguments: Given.args, **named: Given.kwargs) -> Read:
    """Return what `read` returns; where a drive does not answer, again after 0.5, 1, 2 and 4 s.

    Raises
    ------
    Exception
        What `read` raised last.
    """
    attempts = Retrying(
        retry=retry_if_exception(may_pass),
        wait=wait_exponential(0.5),
        stop=stop_after_attempt(1 if _Drive.gone else 5),
        reraise=True,
    )
    try:
        found = attempts(read, *arguments, **named)
    except Exception as error:
        _Drive.gone = may_pass(error)
        raise
    _Drive.gone = False
    return found


def steadied(work: Callable[Given, Read]) -> Callable[Given, Read]:
    """Return work that is begun anew after 5 and 20 s where a drive did not answer.

    For work that commits all or nothing, as a stage does.
    """
    attempts = Retrying(
        retry=retry_if_exception(may_pass),
        wait=wait_exponential(5, exp_base=4),
        stop=stop_after_attempt(3),
        reraise=True,
    )

    @functools.wraps(work)
    def begun_anew(*arguments: Given.args, **named: Given.kwargs) -> Read:
        return attempts(work, *arguments, **named)

    return begun_anew
