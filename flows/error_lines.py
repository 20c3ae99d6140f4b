"""An exception in one line that a user can act on, free of report text and identifiers."""

import sys
import traceback
from pathlib import Path
from types import TracebackType

from pipeline.lake_failures import refusal
from pipeline.user_error import UserError

# Errors whose message was written for the user, by the module that defines them. Only a module
# that has been imported can have raised one, so none is imported for the sake of the comparison.
_FOR_THE_USER = {
    "data_contracts.contract": "ContractBroken",
    "data_contracts.suite_file": "SuiteError",
    "labelers.vocabulary.located_yaml": "VocabularyError",
    "pipeline.images.unusable": "UnusableImage",
}

_HOUSE = Path(__file__).resolve().parent.parent
_PACKAGES = ("labelers", "data_contracts", "training", "pipeline", "flows")


def error_line(error: BaseException) -> str:
    """Return what went wrong and what to do, in a line (several for several wrong settings).

    The message of an exception that nobody foresaw may hold data and is left out: its type and
    place are named instead.
    """
    if is_for_the_user(error):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and _is_foreign(error.name):
        return f"the package {error.name} is not installed; pip install 'radsim[all]'"
    return _system_line(error) or _unforeseen(error)


def is_for_the_user(error: BaseException) -> bool:
    """Say whether the message of the exception was written for the user."""
    if isinstance(error, UserError):
        return True
    return any(_is_named(error, module, name) for module, name in _FOR_THE_USER.items())


def _is_named(error: BaseException, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(error, kind)


def _is_foreign(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] not in _PACKAGES


def _system_line(error: BaseException) -> str | None:
    """Return a line for what the system refused, None where the system does not say what."""
    filename = getattr(error, "filename", None)
    place = f"{filename}: " if isinstance(filename, str | Path) else ""
    refused = refusal(error)
    if refused is not None:
        return f"{place}{refused}"
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        return f"{place}{error.strerror.lower()}"
    return None


def _unforeseen(error: BaseException) -> str:
    return (
        f"unexpected {type(error).__name__}{_where(error.__traceback__)}; "
        "run again with --debug to see it"
    )


def _where(trace: TracebackType | None) -> str:
    """Return the innermost place in RadSim's own code."""
    for frame in reversed(traceback.extract_tb(trace)):
        path = Path(frame.filename)
        if path.is_relative_to(_HOUSE) and path.relative_to(_HOUSE).parts[0] in _PACKAGES:
            return f" in {path.relative_to(_HOUSE)} line {frame.lineno}"
    return ""
