"""The archived page of a lake: which figures and tables stand in it."""

from datetime import UTC, datetime

import pandas as pd

from flows.dashboard.archived_page import archived_page
from flows.dashboard.charts.agreement_charts import (
    agreement_chart,
    doubt_chart,
    vocabulary_chart,
)
from flows.dashboard.charts.figure import Figure
from flows.dashboard.charts.label_charts import (
    cooccurrence_chart,
    drift_chart,
    months_chart,
    prevalence_chart,
    states_chart,
)
from flows.dashboard.charts.quarantine_charts import refused_chart
from flows.dashboard.charts.run_charts import durations_chart, run_rows
from flows.dashboard.charts.similarity_charts import distances_chart, measures_chart
from pipeline.figures.class_measures import class_measures
from pipeline.figures.class_months import class_months
from pipeline.figures.contract_results import contract_results
from pipeline.figures.cooccurrence import cooccurrence
from pipeline.figures.doubt_rates import doubt_rates
from pipeline.figures.drift_measurements import last_drift
from pipeline.figures.gallery_sample import gallery_sample
from pipeline.figures.label_agreement import label_agreements
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.pair_distances import pair_distances
from pipeline.figures.quarantine_counts import quarantine_counts
from pipeline.figures.state_shares import exams_without_time, shares_by_class, shares_by_month
from pipeline.figures.vocabulary_change import vocabulary_change
from pipeline.labelling import label_scheme
from pipeline.lake import Lake
from pipeline.model_decisions import decision_table
from pipeline.run_history import finished_runs
from pipeline.settings import Settings

RUNS = 50


def page_of_lake(settings: Settings) -> str:
    """Return the page of the lake as it stands: counts and figures, no text and no identifiers.

    Classes over time are those that drifted at the last measurement.

    Raises
    ------
    UserError
        The lake cannot be read.
    """
    lake = Lake.of(settings)
    queries = LakeQueries(lake)
    scheme = label_scheme(settings.manifest.scheme, settings.label.vocabulary)
    months = class_months(queries, scheme)
    shares, by_month = shares_by_class(months), shares_by_month(months)
    drift = last_drift(queries, scheme.name)
    runs = finished_runs(lake, last=RUNS)
    drifted = list(drift[drift["drifted"]]["class"]) if len(drift) else []
    figures = [
        prevalence_chart(shares),
        states_chart(shares),
        drift_chart(drift),
        *(months_chart(by_month, name, exams_without_time(months)) for name in drifted),
        doubt_chart(doubt_rates(queries, scheme)),
        *(agreement_chart(found) for found in label_agreements(queries, scheme, settings)),
        vocabulary_chart(vocabulary_change(queries, scheme)),
        cooccurrence_chart(cooccurrence(queries, scheme)),
        *_similarity(queries, settings),
        refused_chart(quarantine_counts(queries)),
        durations_chart(runs),
    ]
    tables = [
        (f"The last {len(runs)} runs that changed the lake", run_rows(runs)),
        ("What the contracts said of these runs", contract_results(runs)),
        ("Which model is current, and why", pd.DataFrame(decision_table(lake, RUNS)[::-1])),
    ]
    now = datetime.now(UTC)
    told = f"Label scheme {scheme.name}; made {now:%d %B %Y, %H:%M} UTC."
    return archived_page("RadSim: labels and runs", told, figures, [t for t in tables if len(t[1])])


def _similarity(queries: LakeQueries, settings: Settings) -> list[Figure]:
    """Return what the metric is worth, where there are embeddings; no image is named."""
    if not queries.has("embeddings"):
        return []
    chosen = settings.evaluate
    measures = class_measures(queries, chosen.split, chosen.truth)
    figures = [measures_chart(measures, f"nDCG@{chosen.k}")]
    sample = gallery_sample(queries)
    if sample is not None:
        figures.append(distances_chart(pair_distances(queries.lake, sample)))
    return figures
