"""Whether a table has the columns its schema names, in types that can be read as theirs."""

from collections.abc import Callable, Sequence

import pyarrow as pa

from data_contracts import schemas


def schema_of(table: str, columns: Sequence[str] = ()) -> pa.Schema:
    """Return the schema of a table.

    Parameters
    ----------
    table
        A table of `data_contracts.schemas`.
    columns
        Finding ids (`labels`) or class names (`manifest`).

    Raises
    ------
    ValueError
        If the table is unknown, or `columns` are given to, or missing from, the wrong table.
    """
    by_columns: dict[str, Callable[[Sequence[str]], pa.Schema]] = {
        "labels": schemas.labels,
        "manifest": schemas.manifest,
    }
    if table in by_columns:
        if not columns:
            raise ValueError(f"{table}: name its finding or class columns")
        return by_columns[table](columns)
    if columns:
        raise ValueError(f"{table}: its columns do not depend on findings or classes")
    if table not in schemas.FIXED:
        raise ValueError(f"{table}: no such table")
    return schemas.FIXED[table]


def schema_fault(table: pa.Table, schema: pa.Schema) -> str | None:
    """Return in one line what keeps a table from being read by a schema, or None.

    Every column of the schema must be there once, in a type of the same kind (an integer column
    may be any integer, a string column large or dictionary encoded). A column without any value
    may have Arrow's null type. Columns beyond the schema and the order of columns are free.
    """
    for field in schema:
        found = table.schema.get_all_field_indices(field.name)
        if not found:
            return f"column {field.name} is missing"
        if len(found) > 1:
            return f"column {field.name} stands twice"
        given = table.schema.field(found[0]).type
        if not _readable_as(_plain_type(given, field.type), field.type):
            return f"column {field.name} is {given} and should be {field.type}"
    return None


def plain(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a schema's columns of a table, without dictionaries and typeless columns.

    What remains to differ from the schema is the width of numbers and offsets and the unit of
    timestamps. The table must have no `schema_fault`.
    """
    columns = []
    for field in schema:
        column = table[field.name]
        wanted = _plain_type(column.type, field.type)
        columns.append(column if column.type == wanted else column.cast(wanted))
    return pa.table(columns, names=schema.names)


def _plain_type(given: pa.DataType, declared: pa.DataType) -> pa.DataType:
    if pa.types.is_null(given):
        return declared
    if pa.types.is_dictionary(given):
        return _plain_type(given.value_type, declared)
    return given


def _readable_as(given: pa.DataType, declared: pa.DataType) -> bool:
    """Return whether values of one plain type can stand in a column declared as another."""
    kinds = pa.types
    if given == declared:
        return True
    if kinds.is_string(declared):
        return kinds.is_large_string(given)
    if kinds.is_integer(declared):
        # Half of uint64 fits no other integer.
        return kinds.is_integer(given) and not kinds.is_uint64(given)
    if kinds.is_floating(declared):
        return kinds.is_floating(given) or kinds.is_integer(given)
    if kinds.is_timestamp(declared):
        return kinds.is_timestamp(given) and given.tz is not None
    if kinds.is_list(declared):
        is_some_list = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
        same = any(is_list(given) for is_list in is_some_list)
        return same and _readable_as(given.value_type, declared.value_type)
    if kinds.is_struct(declared):
        names = [field.name for field in declared]
        same = kinds.is_struct(given) and [field.name for field in given] == names
        return same and all(
            _readable_as(given.field(name).type, declared.field(name).type) for name in names
        )
    return False
