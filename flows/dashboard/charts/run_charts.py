"""Charts of runs: how long stages took, and what became of the rows that came in."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from flows.dashboard.charts.figure import Figure, nothing
from flows.dashboard.palette import ACCENT
from pipeline.run_history import FinishedRun


def durations_chart(runs: Sequence[FinishedRun]) -> Figure:
    """Draw the seconds of each run, a panel a stage."""
    title = "Seconds a run, by stage"
    if not runs:
        return nothing(title, "Nothing has run on this lake yet: run `radsim run`.")
    rows = pd.DataFrame(
        [{"stage": run.stage, "at": run.at, "seconds": run.seconds} for run in runs]
    )
    chart = (
        alt.Chart(rows)
        .mark_circle(size=60, color=ACCENT)
        .encode(
            x=alt.X("at:T", title="when (UTC)", scale=alt.Scale(type="utc")),
            y=alt.Y("seconds:Q", title="seconds", scale=alt.Scale(type="symlog", constant=0.1)),
            tooltip=["stage", alt.Tooltip("at:T"), alt.Tooltip("seconds:Q", format=",.1f")],
            facet=alt.Facet("stage:N", columns=5, title=None, sort=list(dict.fromkeys(rows.stage))),
        )
        .properties(width=170, height=90)
    )
    return Figure(
        title,
        f"A dot is one of {len(rows):,} runs that changed the lake, on a logarithmic scale; a "
        "stage that climbs takes longer each night.",
        chart,
        rows,
    )
