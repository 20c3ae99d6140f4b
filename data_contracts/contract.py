"""A table held to its suite: the rows that satisfy it, the rows that do not, and why.

Row rules come first; a row that fails one is rejected with the first it fails, in the order of
the suite. Table rules are then asked of the rows that are left, which are what a stage would
commit; one that fails, or any expectation that raises, means that the contract itself is broken.

Great Expectations sees no report text and no more of a table than a rule needs: it gets one frame
a rule, with a number in place of each value where only presence or sameness matters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.column_types import plain, schema_fault, schema_of
from data_contracts.derived_columns import DERIVED
from data_contracts.distinct_values import distinct_values
from data_contracts.expectations import Outcome, evaluate
from data_contracts.rule_frames import rule_frame
from data_contracts.suite_file import Rule, rules

REJECTED = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)

# Clocks and time zones of sites differ by less than this.
LATEST = timedelta(days=1)


@dataclass(frozen=True)
class Checked:
    """A table split by its contract.

    Attributes
    ----------
    kept
        The rows that satisfy every rule, in their order, with the columns as they were given.
    rejected
        A row for each other row: its number `row` in the table given (from 0), and the name and
        reason of the first `rule` it fails. In order of `row`.
    results
        A JSON object a rule, in the order of the suite: ``rule``, ``level``, ``reason``,
        ``expectation``, ``columns``, ``checked`` and ``failed`` (rows; null where an expectation
        is about the column as a whole), ``success`` and ``error`` (the kind of exception that an
        expectation raised, else null). Never values.
    """

    kept: pa.Table
    rejected: pa.Table
    results: list[dict[str, Any]] = field(repr=False)


class ContractBroken(Exception):
    """A table that must not be committed.

    Attributes
    ----------
    table, rule, reason
        Which rule of which table, and what is wrong, in a line without values.
    results
        As in `Checked`.
    """

    def __init__(
        self, table: str, rule: str, reason: str, results: Sequence[Mapping[str, Any]]
    ) -> None:
        super().__init__(f"table {table} breaks its contract: {reason} (rule {rule})")
        self.table = table
        self.rule = rule
        self.reason = reason
        self.results = [dict(result) for result in results]


def check(
    table_name: str,
    table: pa.Table,
    columns: Sequence[str] = (),
    without: Sequence[str] = (),
    now: datetime | None = None,
) -> Checked:
    """Hold a table to its contract.

    Parameters
    ----------
    table_name
        A table of `data_contracts.schemas`.
    table
        Its rows, or some of them; uniqueness is among the rows given.
    columns
        Finding ids (`labels`) or class names (`manifest`).
    without
        Names of rules not to ask.
    now
        The time of the check, with its zone; examinations later than a day after it are refused.
        By default the present.

    Raises
    ------
    ContractBroken
        If the table's columns are not its schema's, a table rule fails, or an expectation raises.
    SuiteError
        If the suite file cannot be used.
    ValueError
        If there is no such table or rule, or `columns` do not go with the table.
    """
    asked = _asked(table_name, columns, without)
    schema = schema_of(table_name, columns)
    fault = schema_fault(table, schema)
    if fault is not None:
        result = _result("schema", "table", fault, "schema", [], table.num_rows, None, False, None)
        raise ContractBroken(table_name, "schema", fault, [result])
    latest = (datetime.now(UTC) if now is None else now) + LATEST
    parameters = {"latest": latest.isoformat()}

    row_rules = [rule for rule in asked if rule.level == "row"]
    first = np.full(table.num_rows, len(row_rules), dtype=np.int32)
    results = {}
    source = _Columns(table_name, plain(table, schema))
    for number, rule in enumerate(row_rules):
        results[rule.name], failing = _ask(rule, source, parameters)
        first[failing] = np.minimum(first[failing], number)
    kept, rejected = _split(table, first, row_rules)

    source = _Columns(table_name, plain(kept, schema))
    for rule in asked:
        if rule.level == "table":
            results[rule.name], _ = _ask(rule, source, parameters)
    in_order = [results[rule.name] for rule in asked]
    for result in in_order:
        if result["error"] or (result["level"] == "table" and not result["success"]):
            raise ContractBroken(table_name, result["rule"], _broken(result), in_order)
    return Checked(kept, rejected, in_order)


class _Columns:
    """The columns of a table and, computed when first asked for, those derived from it."""

    def __init__(self, name: str, table: pa.Table) -> None:
        self.table = table
        self._derived = DERIVED.get(name, {})
        self._computed: dict[str, pa.ChunkedArray] = {}

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        if name not in self._derived:
            return self.table[name]
        if name not in self._computed:
            values = self._derived[name](self.table)
            self._computed[name] = pa.chunked_array([pa.array(values, from_pandas=True)])
        return self._computed[name]


def _asked(table: str, columns: Sequence[str], without: Sequence[str]) -> list[Rule]:
    every = rules(table, columns)
    unknown = set(without) - {rule.name for rule in every}
    if unknown:
        raise ValueError(f"{table}: its suite has no rule {', '.join(sorted(unknown))}")
    return [rule for rule in every if rule.name not in without]


def _ask(
    rule: Rule, columns: _Columns, parameters: Mapping[str, Any]
) -> tuple[dict[str, Any], np.ndarray]:
    """Return what a rule found and the rows that fail it, each once."""
    failing, failed_columns = [np.empty(0, dtype=np.int64)], []
    failed: int | None = 0
    success, error = True, None
    checked = columns.table.num_rows
    for column, outcome in _outcomes(rule, columns, parameters) if checked else ():
        success = success and outcome.success
        error = error or outcome.error
        if not outcome.success and column:
            failed_columns.append(column)
        if outcome.rows is not None:
            failing.append(outcome.rows)
        else:
            failed = None
            if rule.level == "row" and error is None:
                error = "NotARowRule"
    rows = np.unique(np.concatenate(failing))
    failed = None if failed is None else len(rows)
    found = _result(
        rule.name,
        rule.level,
        rule.reason,
        rule.expectation,
        failed_columns,
        checked,
        failed,
        success and error is None,
        error,
    )
    return found, rows


def _outcomes(
    rule: Rule, columns: _Columns, parameters: Mapping[str, Any]
) -> Iterator[tuple[str, Outcome]]:
    """Yield what the rule's expectation found in each column that it stands for."""
    distinct = distinct_values(rule, columns)
    if distinct is None:
        for column, kwargs in rule.kwargs.items():
            frame = rule_frame(rule.expectation, kwargs, columns)
            if not frame.empty:
                yield column, evaluate(rule.expectation, kwargs, frame, parameters)
    elif not distinct.frame.empty:
        outcome = evaluate(rule.expectation, distinct.kwargs, distinct.frame, parameters)
        if outcome.rows is None:
            yield from ((column, outcome) for column in rule.kwargs)
        else:
            for column, rows in distinct.failing(outcome.rows).items():
                yield column, Outcome(False, rows)


def _split(table: pa.Table, first: np.ndarray, asked: Sequence[Rule]) -> tuple[pa.Table, pa.Table]:
    """Return the rows that fail nothing, and the numbers of the others with what they fail."""
    bad = first < len(asked)
    if not bad.any():
        return table, REJECTED.empty_table()
    failed = pa.array(first[bad])
    rejected = pa.table(
        [
            pa.array(np.flatnonzero(bad)),
            pa.array([rule.name for rule in asked], pa.string()).take(failed),
            pa.array([rule.reason for rule in asked], pa.string()).take(failed),
        ],
        schema=REJECTED,
    )
    return table.filter(pa.array(~bad)), rejected


def _broken(result: Mapping[str, Any]) -> str:
    """Return in a line why a result stops the stage."""
    if result["error"]:
        return f"the rule could not be evaluated ({result['error']})"
    if result["failed"] is None:
        return str(result["reason"])
    return f"{result['reason']}; {result['failed']:,} of {result['checked']:,} rows"


def _result(
    rule: str,
    level: str,
    reason: str,
    expectation: str,
    columns: Sequence[str],
    checked: int,
    failed: int | None,
    success: bool,
    error: str | None,
) -> dict[str, Any]:
    return {
        "rule": rule,
        "level": level,
        "reason": reason,
        "expectation": expectation,
        "columns": list(columns),
        "checked": checked,
        "failed": failed,
        "success": success,
        "error": error,
    }
