"""Page «Quarantine»: what was rejected and why; release it after a fix, or discard it."""

import pandas as pd
import streamlit as st

from flows.dashboard.charts.figure import counted
from flows.dashboard.charts.quarantine_charts import refused_chart
from flows.dashboard.command_run import offer_command
from flows.dashboard.session import queries, reviewer, settings
from flows.dashboard.shown_figure import show
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.quarantine_counts import (
    discarded_rows,
    quarantine_counts,
    quarantined_rows,
)

RELEASE, DISCARD = "Release", "Discard"
_ID_LENGTH = 10  # characters of a row's id by which commands name it


def page() -> None:
    """Show the page."""
    st.title("Quarantine")
    st.caption("Rows that could not be used, by the rule that refused them; none is lost.")
    asked = queries()
    counts = quarantine_counts(asked)
    show(refused_chart(counts), "refused")
    if not counts.empty:
        st.dataframe(counts, hide_index=True, key="counts")
        _rows(asked, counts)
    discarded = discarded_rows(asked)
    if len(discarded):
        st.subheader("Discarded")
        st.dataframe(discarded, hide_index=True, key="discarded")
        st.caption("Rows about which nothing will be done: on record, and open no more.")


def _rows(asked: LakeQueries, counts: pd.DataFrame) -> None:
    """Show the rows of a rule, and offer what can be done about them."""
    st.subheader("The rows of a rule")
    rules = list(dict.fromkeys(zip(counts["table"], counts["rule"], strict=True)))
    table, rule = st.selectbox("Rule", rules, format_func=lambda pair: ": ".join(pair), key="rule")
    rows = quarantined_rows(asked, table, rule)
    st.dataframe(rows.drop(columns="row_id"), hide_index=True, key="rows")
    st.caption(
        "Where each row stands in its source, never its text. A row with a key leaves quarantine "
        "by itself when the source delivers it mended and `radsim run` takes it in."
    )
    st.subheader("Release after a fix, or discard")
    what = st.radio(
        "What to do",
        [RELEASE, DISCARD],
        captions=[
            "Its source is read again through the same stage and contract; what passes is kept.",
            "Nothing will be done about it: it stays on record and is not shown as open again.",
        ],
        key="what",
    )
    places = dict(zip(rows["row_id"], rows["reference"], strict=True))
    chosen = st.multiselect(
        "Only these rows (without a choice, all of the rule)",
        list(places),
        format_func=lambda row_id: f"{places[row_id]} ({row_id[:_ID_LENGTH]})",
        key="chosen",
    )
    named = [row_id[:_ID_LENGTH] for row_id in chosen] or ["--table", table, "--rule", rule]
    of_rule = int(counts[(counts["table"] == table) & (counts["rule"] == rule)]["rows"].sum())
    offer_command(
        ["quarantine", what.lower(), *named, *_by(), "--yes"],
        "quarantine",
        button=what,
        sure=f"Yes, {what.lower()} {counted(len(chosen) or of_rule, 'row')} now",
    )


def _by() -> list[str]:
    """Return the words that name who decides, where a proxy names them."""
    return ["--by", reviewer()] if settings().dashboard.user_header else []
