"""A figure on a page: title, chart, how to read it, and its numbers."""

import streamlit as st

from flows.dashboard.charts.figure import Figure


def show(figure: Figure, key: str) -> None:
    """Show a figure; its numbers can be opened and saved as CSV."""
    st.markdown(f"#### {figure.title}")
    st.caption(figure.reading)
    if figure.chart is None:
        return
    st.altair_chart(figure.chart, width="stretch", key=key)
    with st.expander("Numbers"):
        st.dataframe(figure.rows, hide_index=True, key=f"{key}-rows")
