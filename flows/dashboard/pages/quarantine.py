"""Page «Quarantine»: what was rejected and why, by contract rule, source and day."""

import streamlit as st

from flows.dashboard.charts.quarantine_charts import refused_chart
from flows.dashboard.session import queries
from flows.dashboard.shown_figure import show
from pipeline.figures.quarantine_counts import quarantine_counts, quarantined_rows


def page() -> None:
    """Show the page."""
    st.title("Quarantine")
    asked = queries()
    counts = quarantine_counts(asked)
    show(refused_chart(counts), "refused")
    if counts.empty:
        return
    st.dataframe(counts, hide_index=True, key="counts")
    st.subheader("The rows of a rule")
    rules = list(dict.fromkeys(zip(counts["table"], counts["rule"], strict=True)))
    table, rule = st.selectbox("Rule", rules, format_func=lambda pair: ": ".join(pair), key="rule")
    st.dataframe(quarantined_rows(asked, table, rule), hide_index=True, key="rows")
    st.caption(
        "Where each row stands in its source, never its text. A row leaves quarantine by itself "
        "when the source delivers it mended and `radsim run` takes it in."
    )
