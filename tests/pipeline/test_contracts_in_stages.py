"""A contract that is broken as a whole stops the stage before anything is seen of its work."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from pipeline.contracts import whole
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.cache import cache
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.user_error import UserError

BEFORE = {
    "reports": (),
    "labels": (ingest,),
    "images": (ingest, label),
    "pixels": (ingest, label, index),
    "manifest": (ingest, label, index, cache),
}
STAGE = {
    "reports": ingest,
    "labels": label,
    "images": index,
    "pixels": cache,
    "manifest": link,
}


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """Return settings of a site with two exams."""
    deliver(tmp_path / "reports.csv", "Large pleural effusion.")
    (tmp_path / "images").mkdir()
    for number in (1, 2):
        picture = np.random.default_rng(number).integers(0, 255, (40, 40)).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"E{number}.png")
    (tmp_path / "images.csv").write_text(
        "path,exam_id,patient_id,view\nE1.png,E1,P1,PA\nE2.png,E2,P2,PA\n"
    )
    return load_settings(
        None,
        {
            "lake": {"root": str(tmp_path / "lake")},
            "reports": {"path": tmp_path / "reports.csv"},
            "images": {"path": tmp_path / "images", "list_file": tmp_path / "images.csv"},
            "cache": {"size": 32},
            "engine": {"workers": 1},
        },
    )


def deliver(file: Path, text: str) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        rows = [("exam_id", "text"), ("E1", text), ("E2", "No pleural effusion.")]
        csv.writer(opened).writerows(rows)


def refused(site: Settings, stage: Callable[..., object]) -> str:
    """Run a stage that must stop; return its message."""
    lake = Lake.of(site)
    before = lake.versions(), lake.runs().num_rows
    with pytest.raises(UserError) as caught:
        stage(site)
    assert (lake.versions(), lake.runs().num_rows) == before
    return str(caught.value)


@pytest.mark.parametrize("table", list(STAGE))
def test_a_broken_contract_stops_the_stage_and_names_an_offline_page(
    site: Settings, break_contract: Callable[..., None], table: str
) -> None:
    for run in BEFORE[table]:
        run(site)
    break_contract(table)
    said = refused(site, STAGE[table])
    assert said.startswith(f"table {table} breaks its contract: nothing is right; ")
    assert "\n" not in said
    page = Path(said.rsplit("; see ", 1)[1])
    assert page.is_file()
    assert re.search(r"(?i)(https?:)?//|@import|url\(", page.read_text()) is None
    assert "never_kept" in page.read_text()


def test_a_rule_that_cannot_be_evaluated_stops_the_stage_too(
    site: Settings, break_contract: Callable[..., None]
) -> None:
    break_contract("reports", regex="(")
    assert "could not be evaluated" in refused(site, ingest)


def test_once_the_cause_is_gone_the_stage_runs_as_if_it_had_never_failed(
    site: Settings, break_contract: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(site)
    label(site)
    assert site.reports.path is not None
    deliver(site.reports.path, "No pleural effusion.")
    assert ingest(site).counts == {
        "in": 2, "new": 0, "amended": 1, "retracted": 0,
        "unchanged": 1, "superseded": 0, "quarantined": 0,
    }  # fmt: skip
    before = Lake.of(site).read("labels").to_pylist()
    # The labels are the last table of the stage: its deletions are written by then.
    break_contract("labels")
    refused(site, label)
    assert Lake.of(site).read("labels").to_pylist() == before
    monkeypatch.undo()
    assert label(site).counts["labelled"] == 1
    labels = Lake.of(site).read("labels")
    assert sorted(labels["exam_id"].to_pylist()) == ["E1", "E2"]
    assert labels["pleural_effusion"].to_pylist() == [0, 0]
    assert set(Lake.of(site).read("mentions")["exam_id"].to_pylist()) == {"E1", "E2"}


def test_labels_of_two_vocabularies_are_refused(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.stages import label as label_stage

    def mixed(chunks: object, *options: object) -> object:
        for mentions, labels in of_stage(chunks, *options):
            at = labels.column_names.index("vocabulary_hash")
            two = pa.array(["one", "two"], pa.string())
            yield mentions, labels.set_column(at, "vocabulary_hash", two)

    of_stage = label_stage.label_chunks
    monkeypatch.setattr(label_stage, "label_chunks", mixed)
    ingest(site)
    said = refused(site, label)
    assert "more than one vocabulary" in said
    assert "labels" not in Lake.of(site).versions()


def test_a_bad_row_of_a_computed_table_stops_its_stage(site: Settings) -> None:
    lake = Lake.of(site)
    with Run(lake, "link", {}) as run:
        rows = pa.table({"patient_key": ["P1", "P2"], "split": ["train", "neither"]})
        with pytest.raises(UserError, match=r"1 of 2 rows computed for table splits") as caught:
            whole(run, "splits", run.stamped(rows, "link", "0" * 64))
    assert "P2" not in str(caught.value)
    assert lake.versions() == {}
