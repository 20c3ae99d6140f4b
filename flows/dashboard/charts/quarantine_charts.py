"""Charts of what was refused."""

import altair as alt
import pandas as pd

from flows.dashboard.charts.figure import Figure, counted, nothing
from flows.dashboard.palette import ACCENT


def refused_chart(counts: pd.DataFrame) -> Figure:
    """Draw rows in quarantine by day and rule (`quarantine_counts`)."""
    title = "Rows in quarantine, by the day they came and the rule that refused them"
    if counts.empty:
        return nothing(title, "Nothing is in quarantine: every row that came in was usable.")
    rows = counts.assign(refused=counts["table"] + ": " + counts["rule"])
    rows["day"] = pd.to_datetime(rows["day"])
    summed = rows.groupby(["refused", "day"], as_index=False)["rows"].sum()
    order = list(summed.groupby("refused")["rows"].sum().sort_values(ascending=False).index)
    # The legend names sizes that occur; of its own accord it would name parts of a row.
    sizes = sorted({int(summed["rows"].min()), int(summed["rows"].max())})
    legend = alt.Legend(title="rows", orient="top", format=",", values=sizes)
    chart = (
        alt.Chart(summed)
        .mark_circle(color=ACCENT, opacity=0.8)
        .encode(
            x=alt.X("yearmonthdate(day):T", title="day (UTC)"),
            y=alt.Y("refused:N", sort=order, title=None, axis=alt.Axis(labelLimit=360)),
            size=alt.Size("rows:Q", scale=alt.Scale(domainMin=0), legend=legend),
            tooltip=["refused", alt.Tooltip("day:T"), alt.Tooltip("rows:Q", format=",")],
        )
        .properties(height=140 + 26 * len(order))
    )
    return Figure(
        title,
        f"Waiting here with their reason: {counted(int(counts['rows'].sum()), 'row')}; the size "
        "of a dot is the number of rows. A rule that begins on one day points to a "
        "change of that source.",
        chart,
        summed,
    )
