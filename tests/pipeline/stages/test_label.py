"""Label: exactly the exams whose text or labeler changed, with their provenance."""

from typing import Any

import pytest

from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError


def states(site: Any, exam: str) -> dict[str, int]:
    (row,) = [r for r in site.lake.read("labels").to_pylist() if r["exam_id"] == exam]
    return {name: state for name, state in row.items() if isinstance(state, int)}


def test_each_report_gets_labels_and_mentions_that_point_into_its_text(site: Any) -> None:
    ingest(site.settings())
    summary = label(site.settings())
    assert summary.counts == {"in": 3, "labelled": 3, "unchanged": 0, "quarantined": 0}
    assert states(site, "E1")["pleural_effusion"] == 0
    assert states(site, "E2")["pleural_effusion"] == 1
    assert states(site, "E3")["pneumonia"] == -1
    texts = {r["exam_id"]: r["sections"] for r in site.lake.read("reports").to_pylist()}
    mentions = site.lake.read("mentions").to_pylist()
    effusion = next(
        m for m in mentions if m["exam_id"] == "E2" and m["finding"] == "pleural_effusion"
    )
    section = texts["E2"][effusion["section_no"]]["text"]
    assert section[effusion["start"] : effusion["end"]] == "pleural effusion"
    assert effusion["laterality"] == "right"


def test_twice_changes_nothing(site: Any, no_rows_added: Any) -> None:
    ingest(site.settings())
    label(site.settings())
    before = no_rows_added(site.lake)
    again = label(site.settings())
    assert (again.outcome, again.counts["unchanged"]) == ("unchanged", 3)
    assert no_rows_added(site.lake) == before


def test_a_changed_text_relabels_exactly_that_exam(site: Any) -> None:
    ingest(site.settings())
    first = label(site.settings())
    site.deliver(
        [
            {"exam_id": "E1", "text": "Heart size is normal. No pleural effusion."},
            {"exam_id": "E2", "text": "The effusion has resolved."},
            {"exam_id": "E3", "text": "Possible left lower lobe pneumonia."},
        ]
    )
    assert ingest(site.settings()).counts["amended"] == 1
    second = label(site.settings())
    assert (second.counts["labelled"], second.counts["unchanged"]) == (1, 2)
    runs = {r["exam_id"]: r["run_id"] for r in site.lake.read("labels").to_pylist()}
    assert runs == {"E1": first.run_id, "E2": second.run_id, "E3": first.run_id}
    assert states(site, "E2")["pleural_effusion"] != 1


def test_a_retracted_report_loses_its_labels(site: Any) -> None:
    ingest(site.settings())
    label(site.settings())
    late = site.deliver(
        [
            {"exam_id": "E2", "text": "Retracted.", "status": "retracted"},
            {"exam_id": "E3", "text": "", "status": "retracted"},
        ],
        "late.csv",
    )
    assert ingest(site.settings(reports={"path": late})).counts["retracted"] == 2
    label(site.settings())
    assert site.column("labels", "exam_id") == ["E1"]
    assert set(site.column("mentions", "exam_id")) == {"E1"}


def test_a_first_delivery_of_retracted_reports_alone_is_no_error(site: Any) -> None:
    site.deliver([{"exam_id": "E1", "text": "", "status": "retracted"}])
    ingest(site.settings())
    assert label(site.settings()).counts["labelled"] == 0


def test_force_labels_all_again(site: Any) -> None:
    ingest(site.settings())
    label(site.settings())
    assert label(site.settings(), force=True).counts["labelled"] == 3
    assert site.column("labels", "exam_id") == ["E1", "E2", "E3"]


def test_prevalence_is_shown_for_the_scheme(site: Any) -> None:
    ingest(site.settings())
    summary = label(site.settings(manifest={"scheme": "nih14"}))
    rows = {row["class"]: row for row in summary.figures["prevalence (nih14)"]}
    assert (rows["Effusion"]["positive"], rows["Effusion"]["negative"]) == (1, 1)
    assert rows["Pneumonia"]["uncertain"] == 1


def test_an_empty_lake_says_what_to_run_first(site: Any) -> None:
    with pytest.raises(UserError, match="radsim ingest"):
        label(site.settings())
