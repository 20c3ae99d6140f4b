"""Ingest: nothing is lost, twice changes nothing, versions are ordered (CONTRACTS.md)."""

from typing import Any

import pytest

from pipeline.pseudonyms import KEY_VARIABLE
from pipeline.readers import SourceError
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError


def test_reports_are_taken_in_once(site: Any, no_rows_added: Any) -> None:
    first = ingest(site.settings())
    assert first.outcome == "committed"
    assert (first.counts["in"], first.counts["new"]) == (3, 3)
    before = no_rows_added(site.lake)
    again = ingest(site.settings())
    assert again.outcome == "unchanged"
    assert again.counts["unchanged"] == 3
    assert no_rows_added(site.lake) == before


def test_a_bad_row_goes_to_quarantine_with_its_reason_and_the_rest_goes_on(
    site: Any, no_rows_added: Any
) -> None:
    site.deliver(
        [
            {"exam_id": "E1", "text": "Clear lungs."},
            {"exam_id": "E2", "text": "  "},
            {"exam_id": "", "text": "No effusion."},
        ]
    )
    summary = ingest(site.settings())
    assert (summary.counts["new"], summary.counts["quarantined"]) == (1, 2)
    rows = site.lake.read("quarantine").to_pylist()
    assert {row["rule"] for row in rows} == {"report_empty", "exam_id_missing"}
    assert "Clear lungs" not in str(rows)
    assert "No effusion" not in str(rows)
    assert any("report_empty" in note for note in summary.notes)
    before = no_rows_added(site.lake)
    assert ingest(site.settings()).counts["quarantined"] == 2
    assert no_rows_added(site.lake) == before


def test_two_texts_of_one_exam_without_order_are_both_held_back(site: Any) -> None:
    site.deliver(
        [
            {"exam_id": "E1", "text": "No effusion."},
            {"exam_id": "E1", "text": "Large effusion."},
            {"exam_id": "E2", "text": "Clear lungs."},
        ]
    )
    assert ingest(site.settings()).counts["quarantined"] == 2
    assert site.column("reports", "exam_id") == ["E2"]
    assert site.column("quarantine", "rule") == ["conflict", "conflict"]
    # The user mends the file: the exam is taken in and leaves quarantine.
    site.deliver(
        [{"exam_id": "E1", "text": "Large effusion."}, {"exam_id": "E2", "text": "Clear lungs."}]
    )
    assert ingest(site.settings()).counts["new"] == 1
    assert site.column("reports", "exam_id") == ["E1", "E2"]
    assert site.lake.read("quarantine").num_rows == 0


def test_a_conflict_with_the_lake_withdraws_both(site: Any, no_rows_added: Any) -> None:
    ingest(site.settings())
    other = site.deliver([{"exam_id": "E1", "text": "Large effusion."}], "other.csv")
    settings = site.settings(reports={"path": other})
    assert ingest(settings).counts["quarantined"] == 1
    assert site.column("reports", "exam_id") == ["E2", "E3"]
    assert site.column("quarantine", "rule") == ["conflict", "conflict"]
    before = no_rows_added(site.lake)
    assert ingest(settings).counts["quarantined"] == 1
    assert no_rows_added(site.lake) == before


def test_an_amended_report_replaces_and_stays_in_history(site: Any) -> None:
    ingest(site.settings())
    before = site.lake.versions()["reports"]
    amended = site.deliver(
        [{"exam_id": "E1", "text": "Small left effusion.", "status": "amended"}], "late.csv"
    )
    summary = ingest(site.settings(reports={"path": amended}))
    assert summary.counts["amended"] == 1
    texts = {
        row["exam_id"]: row["sections"][0]["text"] for row in site.lake.read("reports").to_pylist()
    }
    assert texts["E1"] == "Small left effusion."
    assert len(texts) == 3
    old = site.lake.read("reports", version=before).to_pylist()
    assert "Heart size is normal" in str(old)


def test_a_report_taken_back_before_it_was_told_of_is_counted_as_retracted(site: Any) -> None:
    site.deliver([{"exam_id": "E9", "text": "Clear lungs.", "status": "retracted"}])
    counts = ingest(site.settings()).counts
    assert (counts["in"], counts["new"], counts["retracted"]) == (1, 0, 1)


def test_identifiers_are_keyed_hashes_when_the_site_has_a_key(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.deliver([{"exam_id": "ACC77", "patient_id": "MRN99", "text": "Clear lungs."}])
    monkeypatch.setenv(KEY_VARIABLE, "a key of sixteen bytes or more")
    ingest(site.settings())
    (row,) = site.lake.read("reports").to_pylist()
    assert len(row["exam_id"]) == len(row["patient_id"]) == 64
    assert "ACC77" not in str(row)
    assert "MRN99" not in str(row)
    assert site.lake.runs().num_rows == 1
    assert "ACC77" not in str(site.lake.runs().to_pylist())


def test_without_a_key_the_summary_says_so(site: Any) -> None:
    assert any("no pseudonym key" in note for note in ingest(site.settings()).notes)


def test_a_short_key_is_refused(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(UserError, match="16 bytes"):
        ingest(site.settings())


def test_no_source_is_named(site: Any) -> None:
    with pytest.raises(UserError, match=r"\[reports\] path"):
        ingest(site.settings(reports={}))


def test_a_missing_column_stops_before_anything_is_written(site: Any) -> None:
    site.deliver([{"exam_id": "E1", "report": "Clear lungs."}])
    with pytest.raises(SourceError, match="text"):
        ingest(site.settings())
    assert site.lake.versions() == {}
