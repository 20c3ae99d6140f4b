"""The dashboard's entry, which Streamlit runs: one navigation over the pages.

Start it with `radsim dashboard`, which sets what it needs. It does not stand in the folder of the
dashboard, because Streamlit takes a folder `pages` beside its entry for pages of its own.
"""

from collections.abc import Callable

import streamlit as st

from flows.dashboard.pages import evidence, label_quality, quarantine, review, runs, similarity
from flows.dashboard.style import STYLE
from flows.error_lines import error_line

PAGES = {
    # The first is shown at the bare address.
    "Runs": (runs.page, ""),
    "Label quality": (label_quality.page, "label-quality"),
    "Evidence": (evidence.page, "evidence"),
    "Review": (review.page, "review"),
    "Similarity": (similarity.page, "similarity"),
    "Quarantine": (quarantine.page, "quarantine"),
}


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """Return the page with every error told in a line, never with a traceback or data."""

    def shown() -> None:
        try:
            page()
        except Exception as error:
            st.error(error_line(error))

    return shown


st.set_page_config(page_title="RadSim", layout="wide")
st.html(STYLE)
st.navigation(
    [
        st.Page(guarded(page), title=title, url_path=path, default=not path)
        for title, (page, path) in PAGES.items()
    ]
).run()
