"""Charts of doubt and agreement: uncertain and conflict rates, F1 and κ, states side by side."""

import altair as alt
import pandas as pd

from flows.dashboard.charts.figure import Figure, counted, nothing
from flows.dashboard.charts.interval_dots import interval_dots
from flows.dashboard.palette import ACCENT, ASSERTIONS, FLAG, STATES
from pipeline.figures.label_agreement import NAMES, AgreementFigures
from pipeline.figures.vocabulary_change import VocabularyChange

_EVERY = alt.Axis(labelOverlap=False, labelLimit=220)  # no class without its name
_CLASS_HEIGHT = 28  # pixels
_AROUND = 130  # pixels of legend and axis, so that two classes are not squeezed
_DOUBT = [STATES["uncertain"], ASSERTIONS["historical"]]
_MEASURES = [ACCENT, FLAG]


def doubt_chart(rates: pd.DataFrame) -> Figure:
    """Draw the uncertain rate and the conflict rate of each class (`doubt_rates`)."""
    title = "Doubt: share of exams uncertain, and share whose report contradicts itself, by class"
    if rates.empty:
        return nothing(title, "The lake has no labels of reports: run `radsim label`.")
    order = _order(rates[rates["rate"] == "uncertain"], "share", rates)
    return Figure(
        title,
        "Uncertain: of the exams whose report speaks of the class, the share left uncertain. "
        "Conflict: of those that assert it, the share that calls one finding present and absent of "
        "the same side. "
        f"Lines are 95 % intervals (Wilson); at most "
        f"{counted(int(rates['exams'].max()), 'exam')} a class, each n stands in the numbers.",
        _dots(
            rates, "rate", ["uncertain", "conflict"], "share", "share of exams", "%", order, _DOUBT
        ),
        rates,
    )


def agreement_chart(found: AgreementFigures) -> Figure:
    """Draw F1 and Cohen's κ of each class."""
    title = f"Agreement of the labels with {found.name}: F1 and Cohen's κ, by class"
    rows = found.classes
    if rows.empty:
        return nothing(title, "No class is positive on either side, so nothing can be measured.")
    order = _order(rows[rows["measure"] == "F1"], "value", rows)
    return Figure(
        title,
        f"1 is full agreement; κ is 0 where agreement is that of chance. {found.told} Up to "
        f"{counted(int(rows['exams'].max()), 'exam')} a class; lines are 95 % intervals "
        "(bootstrap): few positives make them long.",
        _dots(rows, "measure", ["F1", "κ"], "value", "F1, κ", ".2f", order, _MEASURES),
        rows,
    )


def confusion_chart(found: AgreementFigures, label_class: str) -> Figure:
    """Draw the exams of a class by the state on either side."""
    title = f"{label_class}: exams by the state of {found.name} and of the labels"
    rows = found.confusion[found.confusion["class"] == label_class]
    exams = int(rows["exams"].sum())
    if not exams:
        return nothing(title, "No exam of this class is on both sides.")
    return Figure(
        title,
        f"{counted(exams, 'exam')}. On the diagonal both say the same. F1 and κ ask only "
        "who is positive: negative beside not mentioned agrees in them.",
        _square(rows, "other", "labels", found.name, "labels"),
        rows,
    )


def vocabulary_chart(change: VocabularyChange | str, label_class: str | None = None) -> Figure:
    """Draw how many exams of each class changed state, or of one class from which to which."""
    title = "What changed since the vocabulary before: exams whose state changed, by class"
    if isinstance(change, str):
        return nothing(title, change)
    told = (
        f"Labels v{change.version_before} ({change.before[:8]}) against v{change.version_after} "
        f"({change.after[:8]})"
    )
    if label_class is not None:
        rows = change.confusion[change.confusion["class"] == label_class]
        return Figure(
            f"{label_class}: exams by state before and after the change of the vocabulary",
            f"{counted(int(rows['exams'].sum()), 'exam')}. {told}; what did not change "
            "is on the diagonal.",
            _square(rows, "before", "after", "before", "after"),
            rows,
        )
    changed = change.changed()
    exams = int(changed["exams"].max())
    if not changed["changed"].any():
        return nothing(title, f"{told}: no state of {counted(exams, 'exam')} changed.")
    bars = (
        alt.Chart(changed)
        .mark_bar(color=ACCENT)
        .encode(
            x=alt.X("changed:Q", title="exams whose state changed"),
            y=alt.Y("class:N", sort="-x", title=None, axis=_EVERY),
            tooltip=["class", alt.Tooltip("changed:Q", format=",")],
        )
        .properties(height=_CLASS_HEIGHT * len(changed) + 60)
    )
    return Figure(
        title,
        f"{told}, over {counted(exams, 'exam')} that both have. A long bar is a class that the "
        "edit moved; `radsim diff` shows the sentences.",
        bars,
        changed,
    )


def _order(first: pd.DataFrame, by: str, every: pd.DataFrame) -> list[str]:
    ranked = first.sort_values(by, ascending=False)["class"]
    return list(dict.fromkeys([*ranked, *every["class"]]))


def _dots(
    rows: pd.DataFrame,
    kind: str,
    kinds: list[str],
    value: str,
    unit: str,
    numbers: str,
    order: list[str],
    colours: list[str],
) -> alt.LayerChart:
    """Return a dot with its interval for each class and kind, one below the other."""
    chart = interval_dots(
        rows,
        down="class",
        order=order,
        kind=kind,
        kinds=kinds,
        colours=colours,
        x=alt.X("low:Q", title=unit, axis=alt.Axis(format=numbers)),
        value=value,
        n="exams",
    )
    return chart.properties(height=_CLASS_HEIGHT * len(order) + _AROUND)


def _square(
    rows: pd.DataFrame, down: str, across: str, down_title: str, across_title: str
) -> alt.LayerChart:
    """Return states against states with the exams written into each cell."""
    states = list(NAMES.values())
    # Few exams must not vanish beside many: colour is by the share of the row.
    whole = rows.groupby(down)["exams"].transform("sum").clip(lower=1)
    base = alt.Chart(rows.assign(share=rows["exams"] / whole)).encode(
        x=alt.X(
            f"{across}:N",
            sort=states,
            title=across_title,
            axis=alt.Axis(labelAngle=0, orient="top"),
        ),
        y=alt.Y(f"{down}:N", sort=states, title=down_title),
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "share:Q",
            scale=alt.Scale(scheme="blues", domain=[0, 1]),
            legend=alt.Legend(title="share of row", format="%"),
        ),
        tooltip=[down, across, alt.Tooltip("exams:Q", format=",")],
    )
    numbers = base.mark_text().encode(
        text=alt.Text("exams:Q", format=","),
        color=alt.condition("datum.share > 0.5", alt.value("white"), alt.value("black")),
    )
    return (cells + numbers).properties(height=230)
