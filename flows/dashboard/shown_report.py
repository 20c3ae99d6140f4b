"""A report as pages show it: its sections with their mentions marked, and what the marks mean."""

from collections.abc import Sequence

import streamlit as st

from flows.dashboard.marked_text import legend, marked_text
from labelers.rule_labeler import Labelling
from pipeline.figures.evidence import Sentence


def show_report(labelling: Labelling) -> None:
    """Show the whole report, or say that the lake keeps no text."""
    if not any(text for _, text in labelling.sections):
        st.info(
            'This lake keeps no text ([privacy] keep_text = "none"): the report cannot be shown; '
            "its labels and their reasons can."
        )
        return
    parts = []
    for number, (kind, text) in enumerate(labelling.sections):
        mentions = [m for m in labelling.mentions if m.section_no == number]
        parts.append(f"<h4>{marked_text(kind, [])}</h4>{marked_text(text, mentions)}")
    st.html(f'<div class="report">{legend()}</div><div class="report">{"".join(parts)}</div>')


def show_sentences(sentences: Sequence[Sentence]) -> None:
    """Show sentences by themselves, one below the other."""
    shown = [f"<p>{marked_text(each.text, each.mentions)}</p>" for each in sentences]
    st.html(f'<div class="report sentences">{"".join(shown)}</div>')
