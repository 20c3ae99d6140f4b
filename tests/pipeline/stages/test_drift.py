"""Drift between deliveries of a small site."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts import schemas
from pipeline.labelling import site_vocabulary
from pipeline.lake_run import Run
from pipeline.stages.drift import drift
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError

FEW = {"least_exams": 20}


def deliver(site: Any, name: str, effusions: int, clear: int, day: str | None = None) -> None:
    """Commit a delivery of so many exams, and labels of all exams, as the two stages would."""
    ids = [f"{name}{number}" for number in range(effusions + clear)]
    time = None if day is None else datetime.fromisoformat(f"{day}T12:00:00+00:00")
    sections = [{"kind": "body", "text": "as labelled"}]
    rows = [{"exam_id": i, "exam_time": time, "status": "final", "sections": sections} for i in ids]
    bare = [field for field in schemas.REPORTS if field not in schemas.PROVENANCE]
    with Run(site.lake, "ingest", {}) as run:
        run.append("reports", run.stamped(pa.Table.from_pylist(rows, pa.schema(bare)), "f", "h"))
        run.commit({})
    states = dict(zip(ids, [1] * effusions + [0] * clear, strict=True))
    relabel(site, states)


def relabel(site: Any, states: dict[str, int], vocabulary: Path | None = None) -> None:
    """Commit labels of these exams beside those there are, all by the vocabulary's hash."""
    told = site_vocabulary(vocabulary)
    schema = schemas.labels(told.finding_ids)
    before = site.lake.read("labels")
    known = {} if not before.num_rows else before.to_pydict()
    effusion = dict(zip(known.get("exam_id", ()), known.get("pleural_effusion", ()), strict=True))
    effusion |= states
    rows = [
        {"exam_id": i, "labeler": "l", "vocabulary_hash": told.hash, "pleural_effusion": state}
        for i, state in effusion.items()
    ]
    bare = [field for field in schema if field not in schemas.PROVENANCE]
    with Run(site.lake, "label", {}) as run:
        table = run.stamped(pa.Table.from_pylist(rows, pa.schema(bare)), "f", "h")
        run.overwrite("labels", table.select(schema.names))
        run.commit({})


def class_row(site: Any, name: str = "Pleural Effusion") -> dict[str, Any]:
    rows = site.lake.read("drift").sort_by([("reports_version", "descending")]).to_pylist()
    return next(row for row in rows if row["class"] == name)


def test_the_first_exams_are_the_reference_of_a_later_delivery(
    site: Any, no_rows_added: Any
) -> None:
    told = site.settings(drift=FEW)
    deliver(site, "A", 10, 90)
    first = drift(told)
    assert first.counts == {"new_exams": 0, "reference_exams": 100, "classes_drifted": 0}
    assert "100 exams are the reference" in first.notes[0]

    deliver(site, "B", 20, 10)
    second = drift(told)
    assert second.counts["new_exams"] == 30
    assert second.counts["reference_exams"] == 100
    row = class_row(site)
    assert row["drifted"]
    assert row["prevalence"] == pytest.approx(2 / 3)
    assert row["reference_prevalence"] == pytest.approx(0.1)
    assert "drift of" in second.notes[0]
    assert "Pleural Effusion" in second.notes[0]
    assert not class_row(site, "Pneumothorax")["drifted"]

    before = no_rows_added(site.lake)
    again = drift(told)
    assert again.outcome == "unchanged"
    assert (again.notes, again.figures) == (second.notes, second.figures)
    assert no_rows_added(site.lake) == before


def test_small_deliveries_are_judged_together_once_they_are_enough(site: Any) -> None:
    told = site.settings(drift=FEW)
    deliver(site, "A", 10, 90)
    drift(told)
    deliver(site, "B", 12, 0)
    few = drift(told)
    assert few.counts["classes_drifted"] == 0
    assert "12 new exams against 100: too few to tell" in few.notes[0]
    assert "measured again with the next ones" in few.notes[0]
    deliver(site, "C", 12, 0)
    assert drift(told).counts["new_exams"] == 24
    assert class_row(site)["drifted"]
    deliver(site, "D", 0, 25)
    assert drift(told).counts == {
        "new_exams": 25,
        "reference_exams": 124,
        "classes_drifted": sum(row["drifted"] for row in _last(site)),
    }


def _last(site: Any) -> list[dict[str, Any]]:
    rows = site.lake.read("drift").to_pylist()
    newest = max(row["reports_version"] for row in rows)
    return [row for row in rows if row["reports_version"] == newest]


def test_the_reference_is_what_was_read_in_the_year_before(site: Any) -> None:
    told = site.settings(drift=FEW)
    deliver(site, "A", 40, 0, "2015-03-01")
    deliver(site, "B", 5, 45, "2023-09-01")
    drift(told)
    deliver(site, "C", 5, 45, "2024-02-01")
    assert drift(told).counts["reference_exams"] == 50
    assert not class_row(site)["drifted"]
    whole = drift(site.settings(drift={**FEW, "reference_days": 0}))
    assert whole.counts["reference_exams"] == 90
    assert class_row(site)["drifted"]
    by_days = drift(site.settings(drift={**FEW, "batch_days": 30}))
    assert by_days.counts["new_exams"] == 50


def test_another_vocabulary_is_not_taken_for_other_exams(site: Any) -> None:
    deliver(site, "A", 10, 90)
    drift(site.settings(drift=FEW))
    deliver(site, "B", 3, 27)
    folder = site.folder / "vocabulary"
    folder.mkdir()
    (folder / "findings.yaml").write_text(
        "findings:\n  - id: pleural_effusion\n    phrases: [heart size]\n"
    )
    changed = site.settings(drift=FEW, label={"vocabulary": folder})
    with pytest.raises(UserError, match="another vocabulary; run `radsim label` first"):
        drift(changed)
    relabel(
        site, {f"A{number}": 1 for number in range(50)} | {f"B{n}": 1 for n in range(15)}, folder
    )
    summary = drift(changed)
    assert class_row(site)["reference_prevalence"] == 0.5
    assert summary.counts["classes_drifted"] == 0
    assert any("the labeler changed since the last measurement" in note for note in summary.notes)


def test_labels_of_a_file_are_left_out_and_missing_labels_told_of(site: Any) -> None:
    (site.folder / "ours.yaml").write_text(
        "name: ours\nnormal_class: Normal\nclasses:\n  Normal: []\n  Effusion: [pleural_effusion]\n"
    )
    (site.folder / "labels.csv").write_text("exam_id,Effusion,Normal\nE1,1,0\n")
    told = site.settings(
        label_file={"path": site.folder / "labels.csv"},
        manifest={"scheme": str(site.folder / "ours.yaml")},
    )
    with pytest.raises(UserError, match="no labels yet; run `radsim label` first"):
        drift(told)
    ingest(told.model_copy(update={"reports": told.reports.model_copy(update={"path": None})}))
    assert drift(told).notes == ("labels came in a file: their drift is not measured",)
