"""Figures by class with their intervals: a dot and a line for each kind, one below the other."""

from collections.abc import Sequence

import altair as alt
import pandas as pd


def interval_dots(
    rows: pd.DataFrame,
    *,
    down: str,
    kind: str,
    kinds: Sequence[str],
    colours: Sequence[str],
    x: alt.X,
    value: str,
    n: str,
    order: Sequence[str],
    legend_columns: int = 0,
) -> alt.LayerChart:
    """Return the chart; its height is for the caller to set.

    Parameters
    ----------
    rows
        A row a class and kind, with columns low and high, the ends of its interval.
    down, order
        Column of the class, and its values from the top.
    kind, kinds, colours
        Column by which colour, shape and height within a class differ, its values and colours.
    x
        Title and axis across.
    value, n
        Columns of the figure and of how many it is of.
    legend_columns
        Of the legend above; 0 for one line.
    """
    every = alt.Axis(labelOverlap=False, labelLimit=260)  # no class without its name
    legend = alt.Legend(orient="top", title=None, columns=legend_columns, labelLimit=500)
    base = alt.Chart(rows).encode(
        y=alt.Y(f"{down}:N", title=None, axis=every, sort=list(order)),
        yOffset=alt.YOffset(f"{kind}:N", sort=list(kinds)),
        color=alt.Color(
            f"{kind}:N", scale=alt.Scale(domain=list(kinds), range=list(colours)), legend=legend
        ),
    )
    lines = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
    points = base.mark_point(filled=True, size=60).encode(
        x=f"{value}:Q",
        shape=alt.Shape(f"{kind}:N", scale=alt.Scale(domain=list(kinds)), legend=None),
        tooltip=[
            down,
            kind,
            *(alt.Tooltip(f"{name}:Q", format=".3f") for name in (value, "low", "high")),
            alt.Tooltip(f"{n}:Q", format=","),
        ],
    )
    return lines + points
