"""A stage's summary in words: counts that add up, table versions, values of figures."""

from typing import Any

from pipeline.stage_summary import StageSummary

NOTHING = "–"


def counts_line(summary: StageSummary) -> str:
    """Return the counts in one line, such as ``3,955 in = 3,927 kept + 28 quarantined``.

    Counts of zero are left out; those that are no part of `in` follow after a semicolon.
    """
    counts = summary.counts
    others = [name for name in counts if name != "in" and name not in summary.parts]
    pieces = []
    if "in" in counts:
        parts = [f"{counts[name]:,} {_word(name)}" for name in summary.parts if counts.get(name)]
        pieces.append(f"{counts['in']:,} in" + (f" = {' + '.join(parts)}" if parts else ""))
    pieces += [f"{counts[name]:,} {_word(name)}" for name in others if counts[name]]
    return "; ".join(pieces)


def versions_line(summary: StageSummary) -> str:
    """Return the table versions read and written in one line, empty where there are none."""
    pieces = []
    for verb, versions in (("read", summary.inputs), ("wrote", summary.outputs)):
        if versions:
            tables = ", ".join(f"{_word(table)} v{version}" for table, version in versions.items())
            pieces.append(f"{verb} {tables}")
    return "; ".join(pieces)


def outcome_words(summary: StageSummary) -> str:
    """Return whether anything changed, and the time it took."""
    outcome = "nothing changed" if summary.outcome == "unchanged" else summary.outcome
    return f"{outcome}, {summary.seconds:.1f} s"


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """Return the columns of a figure's rows, in the order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def value_text(value: Any) -> str:
    """Return a value of a figure as it is shown."""
    if value is None or value != value:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value)
    return str(value)


def is_numeric(rows: list[dict[str, Any]], column: str) -> bool:
    """Say whether every value of the column that is there is a number."""
    values = [row.get(column) for row in rows]
    return all(isinstance(value, int | float) for value in values if value is not None)


def _word(name: str) -> str:
    return name.replace("_", " ")
