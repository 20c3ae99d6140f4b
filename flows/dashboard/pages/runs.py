"""Page «Runs»: what ran, on what, with which outcome, and a button to run a stage again."""

import pandas as pd
import streamlit as st

from flows.dashboard.charts.run_charts import durations_chart, run_rows
from flows.dashboard.command_run import offer_command
from flows.dashboard.session import queries, stale_outputs
from flows.dashboard.shown_figure import show
from pipeline.figures.contract_results import contract_results
from pipeline.model_decisions import decision_table
from pipeline.road import STAGES
from pipeline.run_history import FinishedRun, finished_runs

SHOWN = 200


def page() -> None:
    """Show the page."""
    st.title("Runs")
    st.caption(
        "What ran, and what became of the rows that came in. Which class drifted stands on page "
        "**Label quality**, why an exam has its labels on page **Evidence**, which exams are most "
        "similar to one, or to a file, on page **Similarity**."
    )
    lake = queries().lake
    runs = finished_runs(lake, last=SHOWN)
    if not runs:
        st.info("Nothing has run on this lake yet: run `radsim run`.")
    else:
        st.dataframe(run_rows(runs), hide_index=True, key="runs")
        st.caption(
            f"The last {len(runs):,} runs that changed the lake, the newest first; times are UTC. "
            "Of the rows that came in, each was kept, quarantined or unchanged (or, in link, has "
            "no image)."
        )
        show(durations_chart(runs), "durations")
        _contracts(runs)
    st.subheader("Which model is current, and why")
    decisions = decision_table(lake)
    if decisions:
        st.dataframe(pd.DataFrame(decisions[::-1]), hide_index=True, key="decisions")
        st.caption(
            "A new model becomes current only if it is not worse than the current one by more than "
            "the tolerance: the whole interval of the paired difference must lie above minus it."
        )
    else:
        st.info("No model has been held against another yet: `gate` does it after `evaluate`.")
    if runs:
        _stale_outputs()
    _run_again()


def _contracts(runs: list[FinishedRun]) -> None:
    """Show what the contracts of tables said of each run's rows."""
    st.subheader("What the contracts said")
    results = contract_results(runs)
    if results.empty:
        st.info("None of these runs noted its contract results; runs from now on do.")
        return
    refused = st.checkbox("only where rows were quarantined", key="refused-only")
    st.dataframe(
        results[results["quarantined"] > 0] if refused else results,
        hide_index=True,
        key="contracts",
    )
    st.caption(
        "Every row is held to all rules of its table; a refused row counts under the first that it "
        "broke. Page Quarantine tells where each stands in its source. A contract that is broken "
        "as a whole commits nothing: its results are then a page in `state/contracts`."
    )


def _stale_outputs() -> None:
    stale = stale_outputs()
    if stale:
        lines = "\n".join(f"- {state.output}: {state.why}" for state in stale)
        st.warning(f"Stale; `radsim run --from {stale[0].stage}` makes it anew:\n\n{lines}")


def _run_again() -> None:
    """Offer a stage to be run by the same command line as everywhere else."""
    st.subheader("Run a stage again")
    stage = st.selectbox("Stage", STAGES, key="stage")
    force = st.checkbox("also where nothing changed (--force)", key="force")
    offer_command(
        [stage, *(["--force"] if force else [])],
        "run",
        button="Run",
        sure="Yes, run it now on this machine",
    )
