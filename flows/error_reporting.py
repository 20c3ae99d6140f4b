"""End a command that fails with one line, the command that resumes, and an exit code."""

import functools
import inspect
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from flows.error_lines import error_line

INTERRUPTED = 130


class ResumableError(Exception):
    """A stage failed (`__cause__`); `command` are the words that resume."""

    def __init__(self, command: Sequence[str]) -> None:
        super().__init__("a stage failed")
        self.command = list(command)


@contextmanager
def resumed_by(command: Sequence[str]) -> Iterator[None]:
    """Name the command that resumes, should the body fail or be interrupted."""
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        raise ResumableError(command) from error


def reporting_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with an option ``--debug`` and with its errors reported in one line."""
    signature = inspect.signature(command)
    debug_option = inspect.Parameter(
        "debug",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
    )

    @functools.wraps(command)
    def reported(*args: Any, debug: bool = False, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(report(error, debug=debug)) from None

    parameters = [*signature.parameters.values(), debug_option]
    reported.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return reported


def report(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong on stderr; return the exit code."""
    command: list[str] = []
    if isinstance(error, ResumableError):
        assert error.__cause__ is not None
        command, error = error.command, error.__cause__
    if debug:
        # Without the values of local variables: those hold reports.
        traceback.print_exception(error, file=sys.stderr)
    interrupted = isinstance(error, KeyboardInterrupt)
    typer.echo("interrupted" if interrupted else f"error: {error_line(error)}", err=True)
    if command:
        typer.echo(f"to resume: {shlex.join(command)}", err=True)
    return INTERRUPTED if interrupted else 1
