"""A stage's summary as markdown, for the artifact that a flow publishes."""

from typing import Any

from flows.summary_lines import (
    columns_of,
    counts_line,
    is_numeric,
    outcome_words,
    value_text,
    versions_line,
)
from pipeline.stage_summary import StageSummary


def summary_markdown(summary: StageSummary) -> str:
    """Return the summary as markdown: outcome, counts, notes, figures, versions, run."""
    blocks = [f"## {summary.stage}", f"**{outcome_words(summary)}**"]
    if summary.counts:
        blocks.append(_escaped(counts_line(summary)))
    if summary.notes:
        blocks.append("\n".join(f"- {_escaped(note)}" for note in summary.notes))
    for name, rows in summary.figures.items():
        if rows:
            blocks += [f"### {_escaped(name)}", _table(rows)]
    if versions := versions_line(summary):
        blocks.append(_escaped(versions))
    if summary.run_id:
        blocks.append(f"run `{summary.run_id}`")
    return "\n\n".join(blocks) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    columns = columns_of(rows)
    rule = ["---:" if is_numeric(rows, column) else ":---" for column in columns]
    lines = [columns, rule, *([value_text(row.get(c)) for c in columns] for row in rows)]
    return "\n".join(
        "| " + " | ".join(cells if cells is rule else map(_escaped, cells)) + " |"
        for cells in lines
    )


def _escaped(text: str) -> str:
    """Keep a line a line, and characters that markdown reads from being read."""
    one_line = " ".join(text.split())
    for character in "\\`*_|<>[]":
        one_line = one_line.replace(character, f"\\{character}")
    return one_line
