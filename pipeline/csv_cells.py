"""Cells of a CSV file that a spreadsheet takes for text, whatever they hold.

A cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a carriage return is a formula to a
spreadsheet, which may run or send something when the file is opened; a quote before it makes it
text (OWASP, «CSV Injection»). Numbers stay numbers.
"""

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"


def plain_cell(value: Any) -> Any:
    """Return a value for a cell; text that would be a formula gets a quote before it."""
    if isinstance(value, str) and re.search(_FORMULA, value) and not re.search(_NUMBER, value):
        return f"'{value}"
    return value


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with `plain_cell` of each value."""
    return {name: plain_cell(value) for name, value in row.items()}


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table with `plain_cell` of each text."""
    for at, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            column = table[field.name]
            formula = pc.and_not(
                pc.match_substring_regex(column, _FORMULA),
                pc.match_substring_regex(column, _NUMBER),
            )
            quoted = pc.binary_join_element_wise(pa.scalar("'", field.type), column, "")
            table = table.set_column(at, field.name, pc.if_else(formula, quoted, column))
    return table
