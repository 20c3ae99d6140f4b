"""A chart with all that stands round it: the same on the dashboard and on the archived page."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Figure:
    """A chart, its title, and how to read it.

    Attributes
    ----------
    title
        What it shows, with units.
    reading
        A sentence that says how to read it, with the number of exams or runs it rests on.
    chart
        The chart; None where there is nothing to show, which `reading` then explains.
    rows
        The figures it draws.
    """

    title: str
    reading: str
    chart: "alt.Chart | alt.LayerChart | alt.FacetChart | None"
    rows: pd.DataFrame


def nothing(title: str, why: str) -> Figure:
    """Return a figure without a chart, which says why there is none."""
    return Figure(title, why, None, pd.DataFrame())


def counted(number: int, one: str) -> str:
    """Return a number with what it counts, in the singular for one: ``1 exam``, ``2,000 exams``."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"
