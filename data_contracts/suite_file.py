"""The suites as files: read, checked for completeness, and expanded into rules.

A suite is Great Expectations' own JSON form of an expectation suite. What RadSim adds stands in
each expectation's ``meta``: ``rule`` (a stable name), ``level`` (``row``: a failing row is
rejected; ``table``: a failure stops the stage) and ``reason`` (one line for users). An
expectation whose column is written in braces, such as ``{finding}``, stands for one expectation
for each such column of the table. The suite's own ``meta.derived`` names the columns that are
computed for it and says what they are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SUITES = Path(__file__).parent / "suites"
LEVELS = ("row", "table")


class SuiteError(ValueError):
    """A suite file that cannot be used: a defect of the installation, not of the data."""


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite.

    Attributes
    ----------
    name, level, reason
        As the suite's ``meta`` says.
    expectation
        The type, such as ``expect_column_values_to_be_unique``.
    kwargs
        Arguments of the expectation, by column: one entry ``""`` unless the rule stands for one
        expectation a column, then one for each.
    """

    name: str
    level: str
    reason: str
    expectation: str
    kwargs: Mapping[str, Mapping[str, Any]] = field(repr=False)


def suite_path(table: str) -> Path:
    """Return the suite file of a table.

    Raises
    ------
    SuiteError
        If the table has none.
    """
    path = SUITES / f"{table}.json"
    if not path.is_file():
        raise SuiteError(f"{table}: no suite {path.name} in {SUITES}")
    return path


@cache
def read_suite(table: str) -> dict[str, Any]:
    """Return a table's suite as it stands in the file; not to be changed.

    Raises
    ------
    SuiteError
        If the file is missing, is not JSON, or a rule lacks its name, level or reason.
    """
    path = suite_path(table)
    try:
        suite: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise SuiteError(f"{path.name}, line {error.lineno}: not JSON: {error.msg}") from None
    seen: set[str] = set()
    for number, expectation in enumerate(suite.get("expectations", []), start=1):
        meta = expectation.get("meta", {})
        if not meta.get("rule") or not meta.get("reason") or meta.get("level") not in LEVELS:
            raise SuiteError(f"{path.name}: expectation {number} lacks its rule, level or reason")
        if meta["rule"] in seen:
            raise SuiteError(f"{path.name}: two expectations have the rule {meta['rule']}")
        seen.add(meta["rule"])
    if not seen:
        raise SuiteError(f"{path.name}: the suite has no expectation")
    return suite


def rules(table: str, columns: Sequence[str] = ()) -> list[Rule]:
    """Return a table's rules in the order of its suite.

    Parameters
    ----------
    table
        A table of `data_contracts.schemas`.
    columns
        The columns that an expectation on ``{finding}`` or ``{class}`` stands for.

    Raises
    ------
    SuiteError
        If the suite cannot be used.
    """
    found = []
    for expectation in read_suite(table)["expectations"]:
        meta, kwargs = expectation["meta"], expectation["kwargs"]
        column = kwargs.get("column", "")
        each: dict[str, Mapping[str, Any]] = {"": kwargs}
        if column.startswith("{") and column.endswith("}"):
            each = {name: {**kwargs, "column": name} for name in columns}
        found.append(Rule(meta["rule"], meta["level"], meta["reason"], expectation["type"], each))
    return found


def domain_columns(kwargs: Mapping[str, Any]) -> list[str]:
    """Return the columns whose values an expectation judges."""
    single = (kwargs.get(key) for key in ("column", "column_A", "column_B"))
    return [name for name in (*single, *kwargs.get("column_list", ())) if name is not None]


def condition_columns(kwargs: Mapping[str, Any]) -> list[str]:
    """Return the columns that decide which rows an expectation is about."""
    return list(dict.fromkeys(_named(kwargs.get("row_condition"))))


def _named(condition: Any) -> Iterator[str]:
    if isinstance(condition, Mapping):
        if "column" in condition:
            yield condition["column"]["name"]
        for part in condition.get("conditions", ()):
            yield from _named(part)
