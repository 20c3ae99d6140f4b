"""Runs as rows and charts: how long stages took, and what became of the rows that came in."""

from collections.abc import Mapping, Sequence

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
            facet=alt.Facet("stage:N", columns=4, title=None, sort=list(dict.fromkeys(rows.stage))),
        )
        .properties(width=150, height=80)
    )
    return Figure(
        title,
        f"A dot is one of {len(rows):,} runs that changed the lake, on a logarithmic scale; a "
        "stage that climbs takes longer each night.",
        chart,
        rows,
    )


def run_rows(runs: Sequence[FinishedRun]) -> pd.DataFrame:
    """Return a row a run as pages show it, the newest first; without runs, no columns either."""
    if not runs:
        return pd.DataFrame()
    return pd.DataFrame(
        [
            {
                "when": run.at,
                "stage": run.stage,
                "in": run.counts.get("in"),
                "kept": _kept(run.counts),
                "quarantined": run.counts.get("quarantined"),
                "unchanged": run.counts.get("unchanged"),
                "seconds": round(run.seconds, 1),
                "read": _versions(run.inputs),
                "wrote": _versions(run.outputs),
                "all counts": ", ".join(f"{n:,} {name}" for name, n in run.counts.items() if n),
                "run": run.run_id[:8],
            }
            for run in reversed(runs)
        ]
    ).astype(dict.fromkeys(("in", "kept", "quarantined", "unchanged"), "Int64"))


def _kept(counts: Mapping[str, int]) -> int | None:
    """Return the rows that came in and are neither quarantined, unchanged nor without a partner."""
    if "in" not in counts:
        return None
    others = ("quarantined", "unchanged", "unlinked")
    return counts["in"] - sum(counts.get(name, 0) for name in others)


def _versions(versions: dict[str, int]) -> str:
    return ", ".join(f"{table} v{version}" for table, version in versions.items())
