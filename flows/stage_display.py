"""Show stages on a terminal as they run: a bar each, then a short block each.

Off a terminal the same is told in plain lines without control codes.
"""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.summary_lines import (
    columns_of,
    counts_line,
    is_numeric,
    outcome_words,
    value_text,
    versions_line,
)
from pipeline.stage_summary import Progress, StageSummary

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

# Off a terminal a table is as wide as it needs to be, up to this.
PLAIN_WIDTH = 200
SECONDS_BETWEEN_LINES = 10.0


def output_console(*, stderr: bool = False) -> Console:
    """Return the console that commands print to."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


class StageDisplay:
    """Progress on stderr, summaries on stdout. A context manager: leaving it stops the bar."""

    def __init__(self, out: Console | None = None, err: Console | None = None) -> None:
        self._out = out or output_console()
        self._err = err or output_console(stderr=True)
        self._bars: Bars | None = None

    def __enter__(self) -> "StageDisplay":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def progress_for(self, stage: str) -> Progress:
        """Begin the display of a stage; return what it is to call as its work advances."""
        self._stop()
        return self._bar(stage) if self._err.is_terminal else self._lines(stage)

    def show(self, summary: StageSummary) -> None:
        """End the display of a stage and print its summary."""
        self._stop()
        self._line(f"{summary.stage}: {outcome_words(summary)}", style="bold")
        for line in (counts_line(summary), *summary.notes, versions_line(summary)):
            if line:
                self._line(f"  {line}")
        for name, rows in summary.figures.items():
            if rows:
                self._line(f"  {name}")
                self._out.print(Padding(figure_table(rows), (0, 0, 0, 4), expand=False))

    def _line(self, text: str, style: str | None = None) -> None:
        self._out.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def _bar(self, stage: str) -> Progress:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        bars = Bars(
            TextColumn("{task.description:<9}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._err,
            # The summary that follows tells the same, and more.
            transient=True,
        )
        task = bars.add_task(stage, total=None, note="")
        bars.start()
        self._bars = bars

        def advance(done: int, total: int, note: str = "") -> None:
            bars.update(task, completed=done, total=total or None, note=note)

        return advance

    def _lines(self, stage: str) -> Progress:
        last = time.monotonic()

        def advance(done: int, total: int, note: str = "") -> None:
            nonlocal last
            if time.monotonic() - last < SECONDS_BETWEEN_LINES:
                return
            last = time.monotonic()
            whole = f" of {total:,}" if total else ""
            text = f"{stage}: {done:,}{whole} {note}".rstrip()
            self._err.print(text, markup=False, highlight=False, soft_wrap=True)

        return advance

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def figure_table(rows: list[dict[str, Any]]) -> Table:
    """Return the rows of a figure as a table, numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns_of(rows):
        table.add_column(
            column.replace("_", " "),
            justify="right" if is_numeric(rows, column) else "left",
            overflow="fold",
        )
    for row in rows:
        # A cell is data: it must not be read as rich's markup.
        table.add_row(*(Text(value_text(row.get(column))) for column in columns_of(rows)))
    return table
