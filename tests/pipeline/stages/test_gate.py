"""The gate: a newer model takes the place of the current one only if it is shown to be no worse."""

from typing import Any

import pyarrow as pa
import pytest

from pipeline.lake_run import Run
from pipeline.model_decisions import decision_table, make_current, model_table
from pipeline.model_gate import verdict_of
from pipeline.models import (
    CURRENT,
    REFUSED,
    candidate_model,
    current_model,
    decisions,
    models_in_use,
    untrained_id,
)
from pipeline.stages.evaluate import evaluate
from pipeline.stages.gate import gate
from pipeline.user_error import UserError
from tests.pipeline.stages.linked_site import EXAMS, embedded, told, trained


def current(site: Any) -> str:
    return str(current_model(site.lake)["model_id"])


def test_a_worse_model_is_refused_a_better_one_let_through_and_a_person_overrules(
    linked: Any, no_rows_added: Any
) -> None:
    settings = told(linked)
    with pytest.raises(UserError, match="no model yet; run `radsim train` first"):
        gate(settings)
    trained(linked, "first", 0.1)
    assert "there is no other model" in gate(settings).notes[0]

    trained(linked, "good", 1.0)
    # Not current before it is judged, though it is newer and embedded.
    assert current(linked) == "first"
    assert [model["model_id"] for model in models_in_use(linked.lake)] == ["first", "good"]
    summary = gate(settings)
    assert summary.counts == {"decided": 1, "made_current": 1}
    assert current(linked) == "good"
    assert candidate_model(linked.lake) is None

    trained(linked, "bad", 0.0)
    summary = gate(settings)
    assert summary.counts == {"decided": 1, "made_current": 0}
    assert "bad is refused: worse than the current model" in summary.notes[0]
    assert "good stays current" in summary.notes[1]
    assert current(linked) == "good"
    (row,) = [made for made in decisions(linked.lake) if made["model_id"] == "bad"]
    assert (row["compared_with"], row["measure"], row["manifest_version"]) == ("good", "nDCG@5", 1)
    assert row["difference"] == pytest.approx(row["value"] - row["compared_value"])
    assert row["low"] <= row["difference"] <= row["high"] < -row["tolerance"]
    assert 30 <= row["n_queries"] <= EXAMS

    before = no_rows_added(linked.lake)
    assert gate(settings).outcome == "unchanged"
    assert no_rows_added(linked.lake) == before

    make_current(settings, "bad")
    assert current(linked) == "bad"
    last = decisions(linked.lake)[-1]
    assert (last["decided_by"], last["verdict"]) == ("hand", CURRENT)
    assert last["who"]
    assert gate(settings).outcome == "unchanged"
    with pytest.raises(UserError, match="no model 'none'; its models are first, good, bad"):
        make_current(settings, "none")
    marked = {row["model"]: row["current"] for row in model_table(linked.lake)}
    assert marked == {"first": False, "good": False, "bad": True}
    assert [row["model"] for row in decision_table(linked.lake, 2)] == ["bad", "bad"]


def test_a_model_that_is_not_embedded_waits_and_the_tolerance_decides(linked: Any) -> None:
    settings = told(linked)
    trained(linked, "good", 1.0)
    gate(settings)
    trained(linked, "equal", 1.0)
    with Run(linked.lake, "embed", {}) as run:
        run.delete("embeddings", pa.table({"model_id": ["equal"]}))
        run.commit({})
    with pytest.raises(UserError, match="not embedded yet; run `radsim embed` first"):
        gate(settings)
    assert current(linked) == "good"
    embedded(linked, "equal", 0.0)
    assert gate(told(linked, gate={"tolerance": 1.0})).counts["made_current"] == 1
    assert gate(settings, force=True).counts["decided"] == 1


def test_the_queries_that_decide_can_be_the_abnormal_ones_and_the_others_are_told(
    linked: Any,
) -> None:
    trained(linked, "good", 1.0)
    gate(told(linked))
    trained(linked, "bad", 0.0)
    summary = gate(told(linked, gate={"queries": "abnormal"}))
    assert "nDCG@5 of abnormal queries -0." in summary.notes[0]
    assert summary.notes[-1].startswith("beside it, deciding nothing: nDCG@5 -0.")
    abnormal = decisions(linked.lake)[-1]
    summary = gate(told(linked), force=True)
    assert summary.notes[-1].startswith("beside it, deciding nothing: nDCG@5 of abnormal queries")
    both = decisions(linked.lake)[-1]
    assert (abnormal["measure"], both["measure"]) == ("nDCG@5 of abnormal queries", "nDCG@5")
    assert 0 < abnormal["n_queries"] < both["n_queries"]


def test_evaluate_measures_the_candidate_beside_the_current_model(linked: Any) -> None:
    settings = told(linked)
    trained(linked, "first", 0.5)
    embedded(linked, untrained_id(settings), 0.0)
    gate(settings)
    evaluate(settings)
    trained(linked, "second", 0.0)
    summary = evaluate(settings)
    rows = {(row["measure"], row["queries"]): row for row in summary.figures["measures"]}
    row = rows["nDCG@5", "all"]
    assert float(row["trained"].split()[0]) < float(row["current"].split()[0])
    gate(settings)
    # Refused: the figures shown are again those of the current model, measured already.
    summary = evaluate(settings)
    assert summary.outcome == "unchanged"
    shown = {(row["measure"], row["queries"]): row for row in summary.figures["measures"]}
    assert shown["nDCG@5", "all"]["trained"] == row["current"]


@pytest.mark.parametrize(
    ("low", "high", "verdict", "why"),
    [
        (-0.02, 0.01, CURRENT, "not worse"),
        (0.01, 0.03, CURRENT, "not worse"),
        (-0.05, 0.05, REFUSED, "too few queries"),
        (-0.05, -0.03, REFUSED, "worse than"),
        (float("nan"), float("nan"), REFUSED, "nothing can be compared"),
    ],
)
def test_the_whole_interval_must_lie_above_minus_the_tolerance(
    low: float, high: float, verdict: str, why: str
) -> None:
    found, reason = verdict_of(low, high, 0.02)
    assert found == verdict
    assert why in reason


def test_before_any_decision_the_newest_model_is_current_whatever_the_clock_said(
    linked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in lakes that are older than the gate."""
    trained(linked, "one", 1.0)
    stamped = Run.stamped

    def years_ago(run: Run, *arguments: Any) -> pa.Table:
        run.now = run.now.replace(year=2001)
        return stamped(run, *arguments)

    monkeypatch.setattr(Run, "stamped", years_ago)
    trained(linked, "two", 1.0)
    assert current(linked) == "two"
    gate(told(linked))
    assert decisions(linked.lake)[-1]["reason"] == "there is no other model to hold it against"
