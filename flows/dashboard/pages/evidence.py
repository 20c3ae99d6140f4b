"""Page «Evidence»: find reports, and see why an exam has the labels it has."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from flows.dashboard.session import cues, queries, settings
from flows.dashboard.shown_report import show_report
from labelers import Scheme
from labelers.vocabulary.loader import ASSERTIONS
from pipeline.figures.evidence import (
    STATES,
    ExamEvidence,
    Sought,
    deciding_words,
    exam_evidence,
    find_exams,
    pixels_of_exam,
)
from pipeline.figures.lake_queries import LakeQueries
from pipeline.labelling import label_scheme, site_vocabulary
from pipeline.manifest_images import cache_folder
from pipeline.pseudonyms import Pseudonymiser
from pipeline.settings import Settings

ANY = "any"
MOST = 100
_ADDRESSED = ("class", "state", "since", "until", "exam")


def page() -> None:
    """Show the page."""
    st.title("Evidence")
    st.caption(
        "Why an exam has its labels: give its id, or look for a class and state; the reason of "
        "each label stands under the report, with the words that gave it."
    )
    chosen, asked = settings(), queries()
    if not asked.has("reports"):
        st.info("The lake has no reports yet: run `radsim ingest`.")
        return
    scheme = label_scheme(chosen.manifest.scheme, chosen.label.vocabulary)
    sought = _sought(asked, scheme, chosen)
    found = find_exams(asked, scheme, sought, MOST)
    if not found:
        st.info("No report has all of this; leave something out.")
        return
    st.caption(
        f"Exams found: {len(found)}"
        if len(found) < MOST
        else f"The {MOST} latest of the exams found"
    )
    ids = [exam["exam_id"] for exam in found]
    told = {exam["exam_id"]: _in_a_line(exam) for exam in found}
    exam_id = st.selectbox("Exam", ids, format_func=lambda exam: told[exam], key="exam")
    evidence = exam_evidence(asked, scheme, exam_id, chosen.label.vocabulary)
    if evidence is None:
        st.info("This exam is no longer in the lake.")
        return
    text, picture = st.columns([3, 2])
    with text:
        st.subheader("Report")
        show_report(evidence.labelling)
    with picture:
        _radiographs(asked, chosen, exam_id)
    _reasons(evidence, scheme)


def _sought(asked: LakeQueries, scheme: Scheme, chosen: Settings) -> Sought:
    """Ask what to look for; an address such as that of a drifted class fills it in."""
    _fill_from_address(scheme)
    kinds = sorted({"body", *site_vocabulary(chosen.label.vocabulary).headings.values()})
    of_labels, of_report, of_mention = st.columns(3), st.columns(3), st.columns(3)
    label_class = of_labels[0].selectbox("Class", [ANY, *scheme.classes], key="class")
    state = of_labels[1].selectbox("State", [ANY, *STATES], key="state")
    exam = of_labels[2].text_input("Exam's id", key="exam-id", help="As your source writes it.")
    text = of_report[0].text_input("Words in the report", key="text")
    days = of_report[1].date_input("Days of the exam", value=[], key="days")
    site = of_report[2].text_input("Site", key="site")
    assertion = of_mention[0].selectbox(
        "Assertion of a mention", [ANY, *ASSERTIONS], key="assertion"
    )
    cue = of_mention[1].selectbox("Cue of the mention", [ANY, *cues(asked)], key="cue")
    section = of_mention[2].selectbox("Section of the mention", [ANY, *kinds], key="section")
    known = Pseudonymiser.of(chosen)
    since, until = _range(days)
    return Sought(
        label_class=_unless_any(label_class),
        state=_unless_any(state),
        assertion=_unless_any(assertion),
        cue=_unless_any(cue),
        section=_unless_any(section),
        since=since,
        until=until,
        site=site.strip() or None,
        text=text.strip() or None,
        exam=known.as_held(exam.strip()) if exam.strip() else None,
    )


def _fill_from_address(scheme: Scheme) -> None:
    """Fill in class, state and days that the address names, once; what is none is passed over."""
    named = {name: st.query_params[name] for name in _ADDRESSED if name in st.query_params}
    if not named or st.session_state.get("filled-from") == named:
        return
    st.session_state["filled-from"] = named
    if named.get("class") in scheme.classes:
        st.session_state["class"] = named["class"]
    if named.get("state") in STATES:
        st.session_state["state"] = named["state"]
    if "exam" in named:
        st.session_state["exam-id"] = named["exam"]
    try:
        days = [date.fromisoformat(named[name]) for name in ("since", "until")]
    except (KeyError, ValueError):
        return
    st.session_state["days"] = tuple(days)


def _range(days: Any) -> tuple[date | None, date | None]:
    given = tuple(days) if isinstance(days, tuple | list) else (days,)
    return (given[0] if given else None), (given[-1] if given else None)


def _unless_any(value: str | None) -> str | None:
    return None if value == ANY else value


def _in_a_line(exam: dict[str, Any]) -> str:
    at = f"{exam['exam_time']:%Y-%m-%d}" if exam["exam_time"] else "no time"
    return f"{exam['exam_id']} · {at}" + (f" · {exam['site']}" if exam["site"] else "")


def _reasons(evidence: ExamEvidence, scheme: Scheme) -> None:
    st.subheader("Labels and their reasons")
    if not evidence.reasons:
        st.info("This exam is not labelled yet: run `radsim label`.")
        return
    rows = [
        {
            "class": reason.label_class,
            "state": reason.state,
            "words": deciding_words(evidence.labelling, scheme, reason),
            "because of": reason.reason,
        }
        for reason in evidence.reasons
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    st.caption(
        "A class takes its state from the findings named, and a finding from the words marked in "
        "the report: the cue before the colon («possible», «no») gave the assertion."
    )
    if evidence.labelling.mentions:
        with st.expander(f"{len(evidence.labelling.mentions)} mentions"):
            rows = pd.DataFrame(evidence.labelling.mentions)
            st.dataframe(rows.dropna(axis="columns", how="all"), hide_index=True)


def _radiographs(asked: LakeQueries, chosen: Settings, exam_id: str) -> None:
    st.subheader("Radiograph")
    squares = pixels_of_exam(asked, cache_folder(chosen, asked.lake), exam_id)
    if not squares:
        st.info("No image of this exam is in this machine's pixel cache.")
    for number, square in enumerate(squares, start=1):
        st.image(square, caption=f"Image {number}, as the network sees it", width="stretch")
    if squares and asked.has("embeddings"):
        st.markdown(f"[The most similar past exams](similarity?{urlencode({'exam': exam_id})})")
