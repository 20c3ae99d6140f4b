"""Charts of label states: shares by class, over time, and classes that go together."""

import altair as alt
import pandas as pd

from flows.dashboard.charts.figure import Figure, counted, nothing
from flows.dashboard.palette import ACCENT, FLAG, STATES

_NO_LABELS = "The lake has no labels yet: run `radsim label`, or give a label file."
_CLASS_HEIGHT = 24  # pixels
_EVERY = alt.Axis(labelOverlap=False, labelLimit=220)  # no class without its name


def prevalence_chart(shares: pd.DataFrame) -> Figure:
    """Draw the share positive of each class with its interval (`shares_by_class`)."""
    title = "Prevalence: share of exams positive, by class"
    if shares.empty:
        return nothing(title, _NO_LABELS)
    order = list(shares.sort_values("positive", ascending=False)["class"])
    by_class = alt.Y("class:N", sort=order, title=None, axis=_EVERY)
    base = alt.Chart(shares).encode(y=by_class)
    bars = base.mark_rule(strokeWidth=2, color=ACCENT).encode(
        x=alt.X("low:Q", title="share of exams positive", axis=alt.Axis(format="%")), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=70, color=ACCENT).encode(
        x="positive:Q",
        tooltip=[
            "class",
            alt.Tooltip("exams:Q", format=","),
            alt.Tooltip("positive:Q", format=".2%"),
            alt.Tooltip("low:Q", format=".2%"),
            alt.Tooltip("high:Q", format=".2%"),
        ],
    )
    return Figure(
        title,
        f"A dot is the share of {counted(_most(shares), 'exam')} with the class positive; the line "
        "through it is its 95 % interval (Wilson).",
        (bars + points).properties(height=_height(order)),
        shares,
    )


def states_chart(shares: pd.DataFrame) -> Figure:
    """Draw the four states of each class as shares that add up to all exams."""
    title = "The four states of each class, share of exams"
    if shares.empty:
        return nothing(title, _NO_LABELS)
    named = shares.rename(columns={"missing": "not mentioned"})
    long = named.melt(["class", "exams"], list(STATES), var_name="state", value_name="share")
    long["place"] = long["state"].map({name: n for n, name in enumerate(STATES)})
    order = list(shares.sort_values("positive", ascending=False)["class"])
    chart = (
        alt.Chart(long)
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of exams", axis=alt.Axis(format="%")),
            y=alt.Y("class:N", sort=order, title=None, axis=_EVERY),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=list(STATES), range=list(STATES.values())),
                legend=alt.Legend(orient="top", title=None, columns=2),
            ),
            order="place:Q",
            tooltip=["class", "state", alt.Tooltip("share:Q", format=".2%")],
        )
        .properties(height=_height(order))
    )
    return Figure(
        title,
        f"Each bar is the whole of {counted(_most(shares), 'exam')}. Orange is what reports leave "
        "uncertain, grey what they do not speak of.",
        chart,
        long.drop(columns="place"),
    )


def months_chart(by_month: pd.DataFrame, label_class: str, without_time: int) -> Figure:
    """Draw a class's share positive and share uncertain month by month (`shares_by_month`)."""
    title = f"{label_class}: share of exams positive and uncertain, by month"
    rows = by_month[by_month["class"] == label_class]
    if rows.empty:
        return nothing(
            title, "No labelled exam has a time: name its column in [reports] exam_time."
        )
    x = alt.X("month:T", title="month of the exam", axis=alt.Axis(format="%b %Y"))
    share = alt.Axis(format="%")
    band = (
        alt.Chart(rows)
        .mark_area(opacity=0.25, color=STATES["positive"])
        .encode(x=x, y=alt.Y("low:Q", title="share of exams", axis=share), y2="high:Q")
    )
    long = rows.melt(
        ["month", "exams"], ["positive", "uncertain"], var_name="state", value_name="share"
    )
    lines = (
        alt.Chart(long)
        .mark_line(point=True)
        .encode(
            x=x,
            y=alt.Y("share:Q", title="share of exams", axis=share),
            color=_state_colour(["positive", "uncertain"]),
            strokeDash=alt.StrokeDash("state:N", legend=None),
            tooltip=[
                alt.Tooltip("month:T", format="%B %Y"),
                "state",
                alt.Tooltip("share:Q", format=".2%"),
                alt.Tooltip("exams:Q", format=","),
            ],
        )
    )
    left_out = f" {counted(without_time, 'exam')} without a time left out." if without_time else ""
    return Figure(
        title,
        f"{counted(int(rows['exams'].sum()), 'exam')}. The band is the 95 % interval of the "
        f"share positive: months whose bands lie apart differ by more than chance.{left_out}",
        (band + lines).properties(height=260),
        rows,
    )


def drift_chart(drift: pd.DataFrame) -> Figure:
    """Draw the last measurement of drift: new exams beside the reference, class by class.

    `drift` has the columns of table drift, one measurement's rows.
    """
    title = "Drift: share of exams positive, new exams against the reference window"
    if drift.empty:
        return nothing(title, "Drift is not measured yet: run `radsim drift`.")
    if drift["prevalence"].isna().all() or drift["reference_prevalence"].isna().all():
        return nothing(title, "Nothing to compare yet: the exams so far are the reference.")
    sides = [
        ("reference", "reference_prevalence", "reference_low", "reference_high"),
        ("new", "prevalence", "low", "high"),
    ]
    long = pd.concat(
        [
            drift.rename(columns={value: "share", low: "from", high: "to"})[
                ["class", "share", "from", "to", "psi", "psi_limit", "drifted", "reason"]
            ].assign(side=side)
            for side, value, low, high in sides
        ]
    )
    order = list(drift.sort_values("prevalence", ascending=False)["class"])
    base = alt.Chart(long).encode(
        y=alt.Y("class:N", sort=order, title=None, axis=_EVERY),
        yOffset=alt.YOffset("side:N", sort=["reference", "new"]),
        color=alt.Color(
            "side:N",
            scale=alt.Scale(domain=["reference", "new"], range=["#999999", ACCENT]),
            legend=alt.Legend(orient="top", title=None),
        ),
    )
    rules = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("from:Q", title="share of exams positive", axis=alt.Axis(format="%")), x2="to:Q"
    )
    points = base.mark_point(filled=True, size=60).encode(
        x="share:Q",
        tooltip=["class", "side", alt.Tooltip("share:Q", format=".2%"), "psi", "reason"],
    )
    flagged_rows = long[long["drifted"] & (long["side"] == "new")]
    flags = (
        alt.Chart(flagged_rows)
        .mark_text(text="◀ drifted", align="left", dx=8, color=FLAG, fontWeight="bold")
        .encode(y=alt.Y("class:N", sort=order), x="to:Q")
    )
    first = drift.iloc[0]
    flagged = ", ".join(drift[drift["drifted"]]["class"]) or "none"
    return Figure(
        title,
        f"{counted(int(first['batch_exams']), 'new exam')} against "
        f"{first['reference_exams']:,} of the reference window, with 95 % intervals. "
        f"Flagged: {flagged}.",
        (rules + points + flags if len(flagged_rows) else rules + points).properties(
            height=_height(order)
        ),
        drift,
    )


def cooccurrence_chart(pairs: pd.DataFrame) -> Figure:
    """Draw which classes are positive together (`cooccurrence`)."""
    title = "Classes positive together: Jaccard index of their exams"
    if pairs.empty or pairs["exams"].sum() == 0:
        return nothing(title, "No exam has two classes positive.")
    order = list(dict.fromkeys(pairs["row"]))
    side = 30 * len(order) + 120
    chart = (
        alt.Chart(pairs)
        .mark_rect()
        .encode(
            x=alt.X(
                "column:N",
                sort=order,
                title=None,
                axis=alt.Axis(labelAngle=-60, labelOverlap=False),
            ),
            y=alt.Y("row:N", sort=order, title=None, axis=_EVERY),
            color=alt.Color(
                "jaccard:Q",
                scale=alt.Scale(scheme="viridis"),
                legend=alt.Legend(title="Jaccard", format=".2f"),
            ),
            tooltip=[
                "row",
                "column",
                alt.Tooltip("exams:Q", format=",", title="exams with both"),
                alt.Tooltip("jaccard:Q", format=".3f"),
            ],
        )
        .properties(height=side)
    )
    return Figure(
        title,
        "Of the exams with either class, the share with both; classes that go together stand side "
        f"by side. {counted(int(pairs['exams'].sum() // 2), 'pair')} of positive classes in all.",
        chart,
        pairs,
    )


def _state_colour(states: list[str]) -> alt.Color:
    return alt.Color(
        "state:N",
        scale=alt.Scale(domain=states, range=[STATES[state] for state in states]),
        legend=alt.Legend(orient="top", title=None),
    )


def _height(classes: list[str]) -> int:
    """Return the height of a chart with a line a class, its axis and legend included, in pixels."""
    return _CLASS_HEIGHT * len(classes) + 90


def _most(shares: pd.DataFrame) -> int:
    return int(shares["exams"].max())
