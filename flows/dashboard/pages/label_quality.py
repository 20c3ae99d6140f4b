"""Page «Label quality»: prevalence over time, states, drift, and classes that go together."""

import pandas as pd
import streamlit as st

from flows.dashboard.charts.label_charts import (
    cooccurrence_chart,
    drift_chart,
    months_chart,
    prevalence_chart,
    states_chart,
)
from flows.dashboard.session import queries, settings
from flows.dashboard.shown_figure import show
from labelers import scheme_names
from pipeline.figures.class_months import class_months
from pipeline.figures.cooccurrence import cooccurrence
from pipeline.figures.drift_measurements import last_drift
from pipeline.figures.state_shares import exams_without_time, shares_by_class, shares_by_month
from pipeline.labelling import label_scheme


def page() -> None:
    """Show the page."""
    st.title("Label quality")
    chosen = settings()
    names = scheme_names()
    own = chosen.manifest.scheme
    known = names if own in names else [own, *names]
    scheme = label_scheme(
        st.selectbox("Label scheme", known, index=known.index(own), key="scheme"),
        chosen.label.vocabulary,
    )
    asked = queries()
    months = class_months(asked, scheme)
    shares = shares_by_class(months)
    drift = last_drift(asked, scheme.name)
    _drifted(drift)
    left, right = st.columns(2)
    with left:
        show(prevalence_chart(shares), "prevalence")
    with right:
        show(states_chart(shares), "states")
    if not shares.empty:
        flagged = list(drift[drift["drifted"]]["class"]) if len(drift) else []
        classes = list(shares["class"])
        label_class = st.selectbox(
            "Class over time",
            classes,
            index=classes.index(flagged[0]) if flagged else min(1, len(classes) - 1),
            key="class",
        )
        show(
            months_chart(shares_by_month(months), label_class, exams_without_time(months)), "months"
        )
    show(drift_chart(drift), "drift")
    if asked.has("labels") or asked.has("file_labels"):
        show(cooccurrence_chart(cooccurrence(asked, scheme)), "together")


def _drifted(drift: pd.DataFrame) -> None:
    if drift.empty or not drift["drifted"].any():
        return
    flagged = drift[drift["drifted"]]
    told = "\n".join(
        f"- **{row['class']}** ({row['reason']}): {row['reference_prevalence']:.1%} before, "
        f"{row['prevalence']:.1%} now"
        for _, row in flagged.iterrows()
    )
    st.warning(f"Drifted at the last measurement ({flagged.iloc[0]['at']:%d %B %Y}):\n\n{told}")
