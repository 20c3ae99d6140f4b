"""Agreement of labels with a gold, and changes of labels, as tables on a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.summary_lines import NOTHING
from labelers.agreement import MACRO, MICRO, STATES, Agreement
from pipeline.score_record import Score

_STATES = dict(zip(STATES, ("1", "0", "-1", NOTHING), strict=True))
_MEASURES = ("precision %", "recall %", "F1 %", "κ")
# Console widths from which every interval is shown, and from which with a decimal.
_INTERVALS_FROM, _DECIMALS_FROM = 96, 130
_KAPPA = 3


def show_score(console: Console, score: Score) -> None:
    """Print the tables and lines of a score."""
    found, compared = score.by_setting[score.uncertain], score.compared
    unit = "exams" if compared.patients is None else "patients"
    say(console, _exams_line(score), style="bold")
    say(console, f"uncertain states count as {score.uncertain}" + _MEANINGS[score.uncertain])
    say(console, f"figures with 95 % bootstrap intervals ({score.draws:,} draws of {unit})")
    _show(console, _figure_table(found, console.width))
    say(console, _averages_line(found))
    if compared.not_scored:
        say(console, f"not scored, no such class: {', '.join(compared.not_scored)}")
    for name, other in score.by_setting.items():
        if name != score.uncertain:
            say(console, f"uncertain {name}: {averages_text(other)}")
    for name, other in score.by_half.items():
        exams = int(other.outcomes[:1].sum()) if score.uncertain != "ignored" else None
        count = f" ({exams:,} exams)" if exams is not None else ""
        say(console, f"half {name}{count}: {averages_text(other)}")
    cells = compared.confusion()
    total = ("averaged classes", cells[compared.averaged].sum(axis=0))
    rows = [*zip(compared.classes, cells, strict=True), total]
    say(console, "\nstates: gold > labels", style="bold")
    _show(console, state_table(rows, [n for n in range(len(STATES)) if cells[:, n].any()]))
    hedged = [(name, c[0, 2], c[:, 2].sum()) for name, c in rows if c[:, 2].any()]
    if hedged:
        say(console, "\nhedged: labels say -1", style="bold")
        table = _table("class", "exams", "gold positive", "others", "share positive")
        for name, positive, exams in hedged:
            share = f"{100 * positive / exams:.0f} %"
            _row(table, name, f"{exams:,}", f"{positive:,}", f"{exams - positive:,}", share)
        _show(console, table)


_MEANINGS = {
    "negative": " («positive only»)",
    "positive": "",
    "ignored": ": exams are left out of a class where gold or labels are uncertain",
    "alternatives": ": positive in «a or b», «a versus b», else negative",
}


def averages_text(found: Agreement) -> str:
    """Return micro and macro F1 with their intervals, such as ``micro F1 89.5 [88.4, 90.6]``."""
    micro, macro = found.figures[MICRO, 2], found.figures[MACRO, 2]
    return f"micro F1 {_percent(micro, 1)}, macro F1 {_percent(macro, 1)}"


def state_table(
    rows: Iterable[tuple[str, NDArray[np.int64]]], befores: Sequence[int], word: str = "class"
) -> Table:
    """Return counts (4, 4) a row, with a column a pair of states «before > after».

    `befores` are the places in `STATES` of the first states that are shown.
    """
    pairs = [(b, a) for b in befores for a in range(len(STATES))]
    names = [f"{_STATES[STATES[b]]} > {_STATES[STATES[a]]}" for b, a in pairs]
    table = _table(word, *names)
    for name, cells in rows:
        _row(table, name, *(f"{cells[b, a]:,}" if cells[b, a] else NOTHING for b, a in pairs))
    return table


def show_examples(console: Console, examples: Sequence[dict[str, Any]]) -> None:
    """Print disagreements, or changes, with the sentence and the cue."""
    for number, row in enumerate(examples, start=1):
        states = ", ".join(
            f"{side} {_STATES[row[side]]}"
            for side in ("gold", "labels", "old", "new")
            if side in row
        )
        kind = f" ({row['kind']})" if "kind" in row else ""
        say(console, f"{number}. {row['class']}, exam {row['exam']}: {states}{kind}")
        for side in ("", "old ", "new "):
            if f"{side}sentence" in row:
                say(console, f"     {side}{_mention_text(row, side)}")


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print a line as it is."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _mention_text(row: dict[str, Any], side: str) -> str:
    finding, cue = row[f"{side}finding"], row[f"{side}cue"]
    if finding is None:
        text = "no mention decides"
    else:
        text = f"{finding} {row[f'{side}assertion']}"
        text += f" by «{' '.join(cue.split())}»" if cue else ""
    sentence = row[f"{side}sentence"]
    return f"{text}: «{sentence}»" if sentence else text


def _exams_line(score: Score) -> str:
    counts = score.compared.counts
    exams = len(score.compared.exam_ids)
    line = f"{exams:,} of {counts['gold exams']:,} gold exams scored"
    if counts["left out"]:
        line += f", {counts['left out']:,} left out by the map"
    if counts["without labels"]:
        line += f", {counts['without labels']:,} without labels"
    return line


def _averages_line(found: Agreement) -> str:
    used = [name for name, a in zip(found.classes, found.averaged, strict=True) if a]
    others = [name for name in found.classes if name not in used]
    line = f"averages over {len(used)} classes"
    if others:
        line += f", without {', '.join(others)}"
    empty = [
        name
        for name, (tp, _, fn, _) in zip(found.classes, found.outcomes, strict=True)
        if name in used and tp + fn == 0
    ]
    return line + (f"; macro also without {', '.join(empty)} (no gold positive)" if empty else "")


def _figure_table(found: Agreement, width: int) -> Table:
    table = _table("class", "gold", "said", *_MEASURES)
    for n, name in enumerate(found.classes):
        tp, fp, fn, _ = found.outcomes[n].tolist()
        cells = _figure_cells(found.figures[n], width)
        _row(table, name, f"{tp + fn:,}", f"{tp + fp:,}", *cells)
    tp, fp, fn, _ = found.outcomes[found.averaged].sum(axis=0).tolist()
    table.add_section()
    _row(
        table, "micro", f"{tp + fn:,}", f"{tp + fp:,}", *_figure_cells(found.figures[MICRO], width)
    )
    _row(table, "macro", "", "", *_figure_cells(found.figures[MACRO], width))
    return table


def _figure_cells(figures: NDArray[np.float64], width: int) -> list[str]:
    cells = []
    for measure, figure in enumerate(figures):
        shown = width >= _INTERVALS_FROM or _MEASURES[measure] == "F1 %"
        decimals = None if not shown else int(width >= _DECIMALS_FROM)
        cells.append(_kappa(figure, decimals) if measure == _KAPPA else _percent(figure, decimals))
    return cells


def _percent(figure: NDArray[np.float64], decimals: int | None) -> str:
    """Return a share in percent with its interval to `decimals`, None for no interval."""
    value, low, high = 100 * figure
    if np.isnan(value):
        return NOTHING
    if decimals is None or np.isnan(low):
        return f"{value:.1f}"
    return f"{value:.1f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _kappa(figure: NDArray[np.float64], decimals: int | None) -> str:
    value, low, high = figure
    if np.isnan(value):
        return NOTHING
    if decimals is None or np.isnan(low):
        return f"{value:.2f}"
    return f"{value:.{2 + decimals}f} [{low:.{2 + decimals}f}, {high:.{2 + decimals}f}]"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    # A cell is data: it must not be read as rich's markup.
    table.add_row(*(Text(cell) for cell in cells))


def _show(console: Console, table: Table) -> None:
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
