"""A lake that keeps no text: the same labels, and not a word of a report on its disk."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.lake_labels import reports_of_lake
from pipeline.settings import Settings
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError
from tests.pipeline.stages.conftest import REPORTS

NONE = {"keep_text": "none"}


@pytest.fixture
def settings(site: Any) -> Settings:
    bare: Settings = site.settings(privacy=NONE)
    return bare


def rows(site: Any, exams: dict[str, str], **more: str) -> list[dict[str, str]]:
    return [{"exam_id": exam, "text": text, **more} for exam, text in exams.items()]


def words_on_disk(root: Path, words: tuple[str, ...]) -> set[str]:
    content = ""
    for file in root.rglob("*"):
        if file.suffix == ".parquet":
            content += str(pq.read_table(file).to_pylist())
        elif file.is_file():
            content += file.read_bytes().decode("latin-1")
    return {word for word in words if word in content}


def test_labels_and_offsets_are_those_of_a_lake_with_text_and_no_text_is_there(
    site: Any, tmp_path: Path
) -> None:
    full = site.settings(lake={"root": str(tmp_path / "full")})
    ingest(full)
    label(full)
    bare = site.settings(privacy=NONE)
    summary = ingest(bare)
    assert (summary.counts["new"], summary.counts["quarantined"]) == (3, 0)

    from pipeline.lake import Lake

    for table, key in (("labels", ["exam_id"]), ("mentions", ["exam_id", "mention_no"])):
        kept, expected = (
            lake.read(table)
            .drop_columns(["run_id", "committed_at"] + ["cue"] * (table == "mentions"))
            .sort_by([(name, "ascending") for name in key])
            for lake in (site.lake, Lake(tmp_path / "full"))
        )
        assert kept.num_rows
        assert kept.equals(expected)
    assert set(site.lake.read("mentions")["cue"].to_pylist()) <= {None, ""}
    sections = site.lake.read("reports")["sections"].to_pylist()
    assert sections == [[{"kind": "body", "text": None}]] * 3
    words = ("Heart", "Large", "Possible", "No pleural")
    assert words_on_disk(tmp_path / "full", words) == set(words)
    assert words_on_disk(tmp_path / "lake", words) == set()


def test_doing_it_twice_changes_nothing(site: Any, settings: Settings) -> None:
    ingest(settings)
    assert ingest(settings).outcome == "unchanged"
    labelled = label(settings)
    assert (labelled.outcome, labelled.counts["unchanged"], labelled.notes) == ("unchanged", 3, ())


def test_an_amended_report_is_labelled_again_and_a_retracted_one_loses_its_labels(
    site: Any, settings: Settings
) -> None:
    ingest(settings)
    site.deliver(rows(site, {"E2": "No pleural effusion."}, status="amended"))
    assert ingest(settings).counts["amended"] == 1
    states = {r["exam_id"]: r["pleural_effusion"] for r in site.lake.read("labels").to_pylist()}
    assert states == {"E1": 0, "E2": 0, "E3": None}
    site.deliver(rows(site, {"E2": ""}, status="retracted"))
    ingest(settings)
    assert site.column("labels", "exam_id") == ["E1", "E3"]
    assert set(site.column("mentions", "exam_id")) == {"E1", "E3"}


def test_versions_in_conflict_leave_neither_text_nor_labels(site: Any, settings: Settings) -> None:
    site.deliver(rows(site, {"E1": REPORTS["E1"]}) + rows(site, {"E1": REPORTS["E2"]}))
    assert ingest(settings).counts["quarantined"] == 2
    assert site.lake.read("labels").num_rows == site.lake.read("reports").num_rows == 0


def test_another_vocabulary_labels_what_is_delivered_again_and_says_what_is_not(
    site: Any, settings: Settings, tmp_path: Path
) -> None:
    ingest(settings)
    vocabulary = tmp_path / "vocabulary"
    vocabulary.mkdir()
    (vocabulary / "findings.yaml").write_text(
        "findings:\n- id: big_heart_sign\n  name: Big heart sign\n  phrases: [heart size]\n"
    )
    changed = site.settings(privacy=NONE, label={"vocabulary": vocabulary})
    site.deliver(rows(site, {"E1": REPORTS["E1"]}))
    before = site.lake.read("labels").to_pylist()
    assert ingest(changed).counts["unchanged"] == 1
    labels = {row["exam_id"]: row for row in site.lake.read("labels").to_pylist()}
    assert len(labels) == 3
    assert "big_heart_sign" not in before[0]
    assert labels["E1"]["big_heart_sign"] is not None
    assert labels["E2"]["big_heart_sign"] is None
    assert labels["E2"]["pleural_effusion"] == 1
    (note,) = label(changed).notes
    assert note.startswith("2 of 3 reports are to be labelled")
    assert "keeps no text" in note


def test_what_needs_text_says_that_there_is_none(site: Any, settings: Settings) -> None:
    ingest(settings)
    (note,) = label(settings, force=True).notes
    assert "this lake keeps no text" in note
    with pytest.raises(UserError, match="this lake keeps no text"):
        reports_of_lake(site.lake.root)


@pytest.mark.parametrize("begun", ["full", "none"])
def test_a_lake_stays_as_it_was_begun(site: Any, begun: str) -> None:
    ingest(site.settings(privacy={"keep_text": begun}))
    other = {"full": "none", "none": "full"}[begun]
    for stage in (ingest, label):
        with pytest.raises(UserError, match=f'begun with .privacy. keep_text = "{begun}"'):
            stage(site.settings(privacy={"keep_text": other}))


def test_another_key_is_refused(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(site.settings())
    monkeypatch.setenv("RADSIM_PSEUDONYM_KEY", "a key of sixteen bytes or more")
    with pytest.raises(UserError, match="begun with no pseudonym key"):
        ingest(site.settings())
