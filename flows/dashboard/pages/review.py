"""Page «Review»: one class of one exam after another, decided by keys."""

import pyarrow as pa
import streamlit as st

from flows.dashboard.session import queries, reviewer, settings
from flows.dashboard.shown_report import show_report, show_sentences
from labelers import Scheme
from pipeline.figures.evidence import (
    ExamEvidence,
    exam_evidence,
    pixels_of_exam,
    sentences_on,
)
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.review_queue import AT_A_TIME, Waiting, review_queue
from pipeline.figures.reviewer_agreement import reviewer_agreement
from pipeline.labelling import label_scheme
from pipeline.manifest_images import cache_folder
from pipeline.review_decisions import SKIP, STATE, UNDO, standing
from pipeline.reviewing import LONGEST_COMMENT, decide, decisions
from pipeline.settings import Settings

EVERY = "every class"
# What a button decides: its words, its key, and the state.
STATES = (
    ("Positive", "1", 1),
    ("Uncertain", "2", -1),
    ("Negative", "3", 0),
    ("Not mentioned", "4", None),
)


def page() -> None:
    """Show the page."""
    st.title("Review")
    st.caption(
        "What holds of this class? First what reviewers differ on, then label file against report, "
        "reports that contradict themselves, and what is left uncertain; rare classes first. Your "
        "word overrides rule and file in the next manifest."
    )
    asked, chosen, who = queries(), settings(), reviewer()
    scheme = label_scheme(chosen.manifest.scheme, chosen.label.vocabulary)
    every = decisions(asked.lake)
    mine = [
        row
        for row in standing(every).to_pylist()
        if row["reviewer"] == who and row["scheme"] == scheme.name
    ]
    wanted = st.selectbox("Class", [EVERY, *scheme.classes], key="class")
    with st.spinner("ranking what is to be reviewed; this is done once for a state of the labels"):
        queue = review_queue(asked, scheme, every, who, None if wanted == EVERY else wanted)
    # Of many there are more than were ranked.
    waiting = f"{'at least ' if len(queue) >= AT_A_TIME else ''}{len(queue):,}"
    st.caption(f"{who}: {waiting} to review, {len(mine):,} decided; z takes the last one back.")
    if st.button("Undo", shortcut="z", disabled=not mine, key="undo"):
        decide(chosen, mine[-1]["exam_id"], mine[-1]["class"], who, UNDO)
        st.rerun()
    if queue:
        _buttons(queue[0], who)
        _look(asked, chosen, scheme, queue[0])
    else:
        st.info("Nothing waits for your review.")
    _agreement(every, scheme)


def _look(asked: LakeQueries, chosen: Settings, scheme: Scheme, now: Waiting) -> None:
    """Show the report with what it says of the class, and the radiograph beside it."""
    evidence = exam_evidence(asked, scheme, now.exam_id, chosen.label.vocabulary)
    text, picture = st.columns([3, 2])
    for square in pixels_of_exam(asked, cache_folder(chosen, asked.lake), now.exam_id):
        picture.image(square, caption="as the network sees it", width="stretch")
    with text:
        if evidence is None:
            st.info("The report of this exam is not in the lake.")
        else:
            _report(evidence, scheme, now)


def _report(evidence: ExamEvidence, scheme: Scheme, now: Waiting) -> None:
    """Show what the labels say and why, the sentences on the class, then the whole report."""
    for label_class, state, reason in evidence.reasons:
        if label_class == now.label_class:
            st.text(f"The labels say {state}: {reason}")
    sentences = sentences_on(evidence.labelling, scheme, now.label_class)
    if sentences:
        show_sentences(sentences)
    show_report(evidence.labelling)


def _agreement(every: pa.Table, scheme: Scheme) -> None:
    found = reviewer_agreement(every, scheme.name)
    if found.empty:
        return
    st.subheader("How far reviewers agree")
    st.dataframe(found.round(3), hide_index=True, key="reviewers")
    st.caption(
        "same: share of the questions that both decided on with the same of the four states. "
        "kappa: Cohen's κ, 1 full agreement, 0 that of chance, with its 95 % interval (bootstrap)."
    )


def _buttons(now: Waiting, who: str) -> None:
    """Show what is asked and the buttons that answer it."""
    st.subheader(now.label_class)
    st.text(f"{now.exam_id}: {now.reason}")
    # A new field for each question: a comment belongs to one.
    comment = st.text_input(
        "Comment",
        max_chars=LONGEST_COMMENT,
        key=f"comment {now.exam_id} {now.label_class}",
    )
    places = st.columns(len(STATES) + 1)
    for place, (word, key, state) in zip(places, STATES, strict=False):
        if place.button(word, shortcut=key, key=word):
            decide(settings(), now.exam_id, now.label_class, who, STATE, state, comment)
            st.rerun()
    if places[-1].button("Skip", shortcut="s", key="skip"):
        decide(settings(), now.exam_id, now.label_class, who, SKIP, comment=comment)
        st.rerun()
