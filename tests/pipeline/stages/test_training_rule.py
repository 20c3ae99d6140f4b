"""When the road trains: by a rule that fires, else not, and the ledger says why."""

import json
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import schemas
from pipeline import training_rule
from pipeline.lake_run import Run
from pipeline.manifest_images import manifest_images
from pipeline.manifests import current_release, manifest_metadata
from pipeline.stages import train as train_module
from pipeline.stages.ingest import ingest
from pipeline.stages.link import link
from pipeline.stages.train import train
from pipeline.training_rule import Decision, training_decision
from tests.pipeline.stages.linked_site import EXAMS, deliver_exams, told, trained


def decided(site: Any, **rules: Any) -> Decision:
    return training_decision(site.lake, current_release(site.lake), told(site, train=rules))


def drifted(site: Any, reports_version: int, *, flag: bool = True) -> None:
    """Commit a measurement of drift."""
    row = {
        "scheme": "ours",
        "class": "Effusion",
        "vocabulary_hash": "v",
        "reports_version": reports_version,
        "labels_version": 0,
        "measured_to": reports_version,
        "batch_exams": 300,
        "reference_exams": 300,
        "drifted": flag,
        "reason": "states",
    }
    bare = pa.schema([field for field in schemas.DRIFT if field not in schemas.PROVENANCE])
    with Run(site.lake, "drift", {}) as run:
        run.append("drift", run.stamped(pa.Table.from_pylist([row], bare), "f", "h"))
        run.commit({})


def test_the_first_road_trains(linked: Any) -> None:
    assert decided(linked) == Decision(True, "the lake has no model yet")


def test_enough_new_exams_to_train_on_and_no_fewer(linked: Any) -> None:
    trained(linked, "first", None)
    decision = decided(linked)
    assert not decision.due
    assert "0 exams are new to train on" in decision.reason
    deliver_exams(linked, range(EXAMS, 2 * EXAMS))
    rows = manifest_images(linked.lake, told(linked)).rows
    added = rows[(rows["split"] == "train") & (rows["exam_id"].str[1:].astype(int) >= EXAMS)]
    assert 0 < len(added) < EXAMS
    assert not decided(linked, after_new_exams=len(added) + 1).due
    decision = decided(linked, after_new_exams=len(added))
    assert decision == Decision(True, f"since manifest 1: {len(added)} exams are new to train on")
    assert not decided(linked, after_new_exams=0).due


def test_changed_settings_of_the_model_but_not_of_the_rules(linked: Any) -> None:
    trained(linked, "first", None)
    reason = "since manifest 1: settings of the model changed (dim, seed)"
    assert decided(linked, dim=64, seed=3) == Decision(True, reason)
    assert not decided(linked, dim=64, after_settings_change=False).due
    assert not decided(linked, after_drift=False).due


def test_another_label_scheme(linked: Any) -> None:
    trained(linked, "first", None)
    scheme = linked.folder / "ours.yaml"
    scheme.write_text(scheme.read_text().replace("name: ours", "name: theirs"))
    ingest(told(linked), force=True)
    link(told(linked))
    assert decided(linked) == Decision(True, "since manifest 1: the label scheme changed")
    assert not decided(linked, after_labeler_change=False).due


def test_another_vocabulary(linked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    trained(linked, "first", None)
    asked = iter(("before", "after"))

    def metadata(manifest: pa.Table) -> dict[str, Any]:
        return {**manifest_metadata(manifest), "vocabulary_hash": next(asked)}

    monkeypatch.setattr(training_rule, "manifest_metadata", metadata)
    assert decided(linked) == Decision(True, "since manifest 1: the labeler changed")


def test_drift_of_exams_that_the_model_has_not_learned(linked: Any) -> None:
    trained(linked, "first", None)
    drifted(linked, 5, flag=False)
    assert not decided(linked).due
    drifted(linked, 6)
    assert decided(linked).reason == "since manifest 1: labels have drifted (Effusion)"
    assert not decided(linked, after_drift=False).due


def test_why_nothing_was_trained_is_in_the_summary_and_once_in_the_ledger(
    linked: Any, no_rows_added: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(linked, "first", None)
    summary = train(told(linked), by_rule=True)
    assert "no rule asks" in summary.notes[0]
    assert "radsim train" in summary.notes[1]
    noted = [json.loads(run["parameters"]).get("why") for run in linked.lake.runs().to_pylist()]
    assert noted.count(summary.notes[0]) == 1
    before = no_rows_added(linked.lake)
    assert train(told(linked), by_rule=True).outcome == "unchanged"
    assert no_rows_added(linked.lake) == before

    class Trained(Exception):
        pass

    def fit(*arguments: Any) -> None:
        raise Trained

    monkeypatch.setattr(train_module, "_fit", fit)
    for by_hand in ({}, {"by_rule": True, "force": True}):
        with pytest.raises(Trained):
            train(told(linked), **by_hand)
