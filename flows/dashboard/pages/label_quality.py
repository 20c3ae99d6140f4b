"""Page «Label quality»: drift, prevalence over time, doubt, agreement, changes of vocabulary."""

from datetime import date
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from flows.dashboard.charts.agreement_charts import (
    agreement_chart,
    confusion_chart,
    doubt_chart,
    vocabulary_chart,
)
from flows.dashboard.charts.label_charts import (
    cooccurrence_chart,
    drift_chart,
    months_chart,
    prevalence_chart,
    states_chart,
)
from flows.dashboard.session import queries, settings
from flows.dashboard.shown_figure import show
from labelers import Scheme, scheme_names
from pipeline.figures.class_months import class_months
from pipeline.figures.cooccurrence import cooccurrence
from pipeline.figures.doubt_rates import doubt_rates
from pipeline.figures.drift_measurements import days_of_batch, last_drift
from pipeline.figures.label_agreement import label_agreements
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.state_shares import exams_without_time, shares_by_class, shares_by_month
from pipeline.figures.vocabulary_change import VocabularyChange, vocabulary_change
from pipeline.labelling import label_scheme
from pipeline.settings import Settings


def page() -> None:
    """Show the page."""
    st.title("Label quality")
    st.caption("Which classes drifted, how sure the labels are, and what they agree with.")
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
    _drifted(drift, days_of_batch(asked, drift, chosen.drift))
    show(prevalence_chart(shares), "prevalence")
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
    show(doubt_chart(doubt_rates(asked, scheme)), "doubt")
    _agreement(asked, scheme, chosen)
    _vocabulary(asked, scheme)
    if asked.has("labels") or asked.has("file_labels"):
        show(cooccurrence_chart(cooccurrence(asked, scheme)), "together")


def _drifted(drift: pd.DataFrame, days: tuple[date, date] | None) -> None:
    """Say which classes drifted at the last measurement, each with a way to its reports."""
    if drift.empty or drift["batch_exams"].iloc[0] == 0:
        return
    at = f"{drift['at'].iloc[0]:%d %B %Y}"
    flagged = drift[drift["drifted"]]
    if flagged.empty:
        if drift["reason"].iloc[0] == "too few exams":
            st.info(f"Too few new exams to judge at the last measurement of drift ({at}).")
        else:
            st.success(f"No class drifted at the last measurement ({at}).")
        return
    told = "\n".join(
        f"- **{row['class']}** ({row['reason']}): {row['reference_prevalence']:.1%} before, "
        f"{row['prevalence']:.1%} now · [show its reports]({_evidence(row['class'], days)})"
        for _, row in flagged.iterrows()
    )
    of_days = f", exams of {days[0]:%d %B %Y} to {days[1]:%d %B %Y}" if days else ""
    st.warning(f"Drifted at the last measurement ({at}{of_days}):\n\n{told}")


def _evidence(label_class: str, days: tuple[date, date] | None) -> str:
    """Return the address of the positive reports of a class, of these days."""
    asked = {"class": label_class, "state": "positive"}
    if days:
        asked |= {"since": f"{days[0]}", "until": f"{days[1]}"}
    # Relative, since a proxy may serve the dashboard below an address of its own.
    return f"evidence?{urlencode(asked)}"


def _agreement(asked: LakeQueries, scheme: Scheme, chosen: Settings) -> None:
    """Show how the labels agree with every other judgement that there is."""
    st.markdown("### Agreement")
    found = label_agreements(asked, scheme, chosen)
    if not found:
        st.info(
            "There is nothing to hold the labels against: `radsim score --config FILE --gold "
            "GOLD` measures them by human codes and keeps the figures for this page."
        )
    for number, figures in enumerate(found):
        show(agreement_chart(figures), f"agreement-{number}")
        classes = list(dict.fromkeys(figures.confusion["class"]))
        if classes:
            name = st.selectbox("Class side by side", classes, key=f"agreement-class-{number}")
            show(confusion_chart(figures, name), f"confusion-{number}")


def _vocabulary(asked: LakeQueries, scheme: Scheme) -> None:
    """Show what the last change of the vocabulary did to the labels."""
    change = vocabulary_change(asked, scheme)
    show(vocabulary_chart(change), "vocabulary")
    if not isinstance(change, VocabularyChange):
        return
    changed = change.changed()
    moved = changed[changed["changed"] > 0].sort_values("changed", ascending=False)
    if len(moved):
        st.dataframe(moved, hide_index=True, key="vocabulary-classes")
        name = st.selectbox("Class before and after", list(moved["class"]), key="changed-class")
        show(vocabulary_chart(change, name), "vocabulary-class")
