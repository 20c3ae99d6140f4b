"""Agreement of labels with a gold, and changes of labels, as tables on a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.summary_lines import NOTHING
from labelers.agreement import MACRO, MICRO, STATES, Agreement
from labelers.label_changes import moved
from pipeline.label_diff import LabelDiff
from pipeline.score_record import Score

_STATES = dict(zip(STATES, ("1", "0", "-1", NOTHING), strict=True))
_MEASURES = ("precision %", "recall %", "F1 %", "κ")
# The decimals of the interval of each measure, None for no interval; the widest table first.
_DECIMALS = ((1, 1, 1, 1), (0, 0, 0, 0), (0, 0, 0, None), (None, None, 0, None), (None,) * 4)
_INDENT = 2


def show_score(console: Console, score: Score) -> None:
    """Print the tables and lines of a score."""
    found, compared = score.by_setting[score.uncertain], score.compared
    unit = "exams" if compared.patients is None else "patients"
    say(console, _exams_line(score), style="bold")
    say(console, f"uncertain states count as {score.uncertain}" + _MEANINGS[score.uncertain])
    say(console, f"figures with 95 % bootstrap intervals ({score.draws:,} draws of {unit})")
    _show(console, _figure_table(found, console))
    say(console, _averages_line(found))
    if compared.not_scored:
        say(console, f"not scored, no such class: {', '.join(compared.not_scored)}")
    for name, other in score.by_setting.items():
        if name != score.uncertain:
            say(console, f"uncertain {name}: {averages_text(other)}")
    for name, other in score.by_half.items():
        exams = len(compared.half(name).exam_ids)
        say(console, f"half {name} ({exams:,} exams): {averages_text(other)}")
    cells = compared.confusion()
    total = ("averaged classes", cells[compared.averaged].sum(axis=0))
    rows = [*zip(compared.classes, cells, strict=True), total]
    say(console, "\nstates: gold → labels", style="bold")
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
    """Return counts (4, 4) a row, with a column a pair of states «before → after».

    `befores` are the places in `STATES` of the first states that are shown.
    """
    pairs = [(b, a) for b in befores for a in range(len(STATES))]
    names = [f"{_STATES[STATES[b]]} → {_STATES[STATES[a]]}" for b, a in pairs]
    table = _table(word, *names)
    for name, cells in rows:
        _row(table, name, *(f"{cells[b, a]:,}" if cells[b, a] else NOTHING for b, a in pairs))
    return table


def show_diff(console: Console, found: LabelDiff) -> None:
    """Print what changed from one version of labels to another."""
    record = found.record()
    for side in ("old", "new"):
        about = record[side]
        version = about["vocabulary"]
        say(
            console,
            f"{side}: {about['labels']}, labeler {about['labeler'] or 'unknown'}, vocabulary "
            f"{version[:12] if version else 'unknown'}, {about['exams']:,} exams",
        )
    exams = record["exams"]
    line = f"{exams['in_both']:,} exams in both, {exams['changed']:,} with a changed state"
    for side in ("old", "new"):
        if exams[f"only_in_{side}"]:
            line += f"; {exams[f'only_in_{side}']:,} only in {side}"
    say(console, line, style="bold")
    for side in ("old", "new"):
        if record[f"classes_only_in_{side}"]:
            say(console, f"only in {side}: {', '.join(record[f'classes_only_in_{side}'])}")
    counts = found.counts
    rows = [*zip(found.classes, map(moved, counts), strict=True)]
    changed = sorted((row for row in rows if row[1]), key=lambda row: -_total(row[1]))
    if not changed:
        return
    table = _table("class", "changed")
    table.add_column("states: exams", overflow="fold")
    for name, moves in [*changed, ("all", moved(counts.sum(axis=0)))]:
        _row(table, name, f"{_total(moves):,}", ", ".join(map(_move, moves)))
    _show(console, table)


def _total(moves: list[tuple[int, int, int]]) -> int:
    return sum(exams for _, _, exams in moves)


def _move(move: tuple[int, int, int]) -> str:
    before, after, exams = move
    return f"{_STATES[before]} → {_STATES[after]}: {exams:,}"


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


def _figure_table(found: Agreement, console: Console) -> Table:
    """Return the table with as much of the intervals as the console is wide enough for."""
    for decimals in _DECIMALS:
        table = _figures(found, decimals)
        if Measurement.get(console, console.options, table).maximum <= console.width - _INDENT:
            break
    return table


def _figures(found: Agreement, decimals: tuple[int | None, ...]) -> Table:
    exams = found.outcomes.sum(axis=1)
    # Of reviews, and where uncertain states are ignored, each class has its own number of exams.
    differ = len(set(exams.tolist())) > 1
    table = _table("class", *(["exams"] if differ else []), "gold", "said", *_MEASURES)
    for n, name in enumerate(found.classes):
        tp, fp, fn, _ = found.outcomes[n].tolist()
        counts = ([f"{exams[n]:,}"] if differ else []) + [f"{tp + fn:,}", f"{tp + fp:,}"]
        _row(table, name, *counts, *_cells(found.figures[n], decimals))
    tp, fp, fn, _ = found.outcomes[found.averaged].sum(axis=0).tolist()
    micro, macro = found.figures[MICRO], found.figures[MACRO]
    blank = [""] if differ else []
    _row(table, "micro", *blank, f"{tp + fn:,}", f"{tp + fp:,}", *_cells(micro, decimals))
    _row(table, "macro", *blank, "", "", *_cells(macro, decimals))
    return table


def _cells(figures: NDArray[np.float64], decimals: tuple[int | None, ...]) -> list[str]:
    *shares, kappa = zip(figures, decimals, strict=True)
    return [*(_percent(*share) for share in shares), _kappa(*kappa)]


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
    console.print(Padding(table, (0, 0, 0, _INDENT), expand=False))
