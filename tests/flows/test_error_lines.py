"""Exceptions in one line."""

import errno
import os
from importlib import import_module

import pytest

from data_contracts import ContractBroken
from flows import error_lines
from flows.error_lines import error_line
from pipeline.road import stage
from pipeline.user_error import UserError

SECRET = "Mrs Example has a large effusion"


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def test_messages_for_the_user_are_shown_as_they_are() -> None:
    assert error_line(UserError("reports.csv: no column 'text'")) == "reports.csv: no column 'text'"
    broken = ContractBroken("labels", "exam_id_unique", "an exam is there twice", [])
    assert error_line(broken) == str(broken)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "no permission"),
        (errno.EPERM, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "disk is full"),
        (errno.ENOTDIR, "not a directory"),
    ],
)
def test_what_the_system_refuses_is_named_with_its_place(number: int, words: str) -> None:
    line = error_line(OSError(number, os.strerror(number), "/lake/tables"))
    assert line.startswith("/lake/tables: ")
    assert words in line


def test_an_os_error_in_words_only_is_understood() -> None:
    line = error_line(
        OSError("Generic LocalFileSystem error: No space left on device (os error 28)")
    )
    assert line == "the disk is full; make room and run again"


def test_an_unforeseen_error_names_type_and_place_but_not_its_message() -> None:
    line = error_line(_raised(ValueError(SECRET)))
    assert SECRET not in line
    assert "unexpected ValueError" in line
    assert "--debug" in line


def test_the_place_is_the_innermost_of_radsims_own_code() -> None:
    with pytest.raises(UserError) as caught:
        stage("no such stage")
    error = KeyError(SECRET)
    line = error_line(error.with_traceback(caught.tb))
    assert " in pipeline/road.py line " in line
    assert SECRET not in line


def test_a_missing_package_is_named_and_a_missing_module_of_ours_is_not_one() -> None:
    line = error_line(ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert line == "the package torch is not installed; pip install 'radsim[all]'"
    ours = error_line(ModuleNotFoundError("No module named 'pipeline.x'", name="pipeline.x"))
    assert ours.startswith("unexpected ModuleNotFoundError")


def test_the_errors_meant_for_the_user_are_where_they_are_looked_for() -> None:
    for module, name in error_lines._FOR_THE_USER.items():
        kind = getattr(import_module(module), name)
        assert issubclass(kind, Exception)
        assert error_lines.is_for_the_user(kind.__new__(kind))
