"""The stages after labelling, on a small site with reports and drawn images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.manifests import manifest_metadata, read_manifest, releases
from pipeline.road import run_road, stages_of
from pipeline.settings import Settings
from pipeline.similar import similar
from pipeline.stages.cache import cache
from pipeline.stages.embed import embed
from pipeline.stages.evaluate import evaluate
from pipeline.stages.gate import gate
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.stages.train import train
from pipeline.user_error import UserError

EXAMS = 36


def draw(folder: Path, exam: str, number: int, *, effusion: bool) -> None:
    """Draw a grey square, its lower half bright for an effusion."""
    noise = np.random.default_rng(number).integers(0, 60, (48, 48))
    if effusion:
        noise[24:] += 150
    folder.mkdir(exist_ok=True)
    Image.fromarray(noise.astype(np.uint8)).save(folder / f"{exam}.png")


@pytest.fixture
def road(site: Any) -> Any:
    """Return the site with reports, images and a list of whose they are."""
    reports, images = [], ["path,exam_id,patient_id,view"]
    for number in range(EXAMS):
        exam, effusion = f"E{number:02d}", number % 2 == 0
        text = "Large pleural effusion." if effusion else "Clear lungs. Heart size is normal."
        reports.append({"exam_id": exam, "text": text})
        images.append(f"{exam}.png,{exam},P{number // 2},PA")
        draw(site.folder / "images", exam, number, effusion=effusion)
    site.deliver(reports)
    (site.folder / "images.csv").write_text("\n".join(images))
    return site


def settings(road: Any, **changes: dict[str, Any]) -> Settings:
    given: dict[str, dict[str, Any]] = {
        "images": {"path": road.folder / "images", "list_file": road.folder / "images.csv"},
        "cache": {"size": 48},
        "manifest": {"scheme": "nih14", "train": 0.5, "val": 0.2, "test": 0.3},
        "train": {"backbone": "efficientnet_lite0", "loss": "ml2", "image_size": 32, "dim": 8},
        "evaluate": {"k": 5, "resamples": 100},
    }
    for section, values in changes.items():
        given[section] = {**given.get(section, {}), **values}
    return road.settings(**given)


def test_the_whole_road_learns_what_the_reports_say_and_twice_adds_nothing(
    road: Any, no_rows_added: Any
) -> None:
    told = settings(road)
    summaries = {summary.stage: summary for summary in run_road(told)}
    assert summaries["link"].counts["linked"] == EXAMS
    assert summaries["cache"].counts["cached"] == EXAMS
    figures = {
        (row["measure"], row["queries"]): row for row in summaries["evaluate"].figures["measures"]
    }
    row = figures["nDCG@5", "all"]
    assert float(row["trained"].split()[0]) > float(row["chance"].split()[0]) + 0.2
    # A person is shown the depth asked for; the table holds all.
    assert {name for name, _ in figures if name.startswith("nDCG")} == {"nDCG@5"}
    assert {"AUC k-NN", "NMI", "AMI", "class mAP@5"} <= {name for name, _ in figures}
    held = road.lake.read("evaluations").to_pylist()
    assert {("nDCG@100", "all"), ("mAP", "all"), ("class P@1", "Effusion")} <= {
        (row["measure"], row["queries"]) for row in held
    }

    before = no_rows_added(road.lake)
    assert {summary.outcome for summary in run_road(told)} == {"unchanged"}
    assert no_rows_added(road.lake) == before
    assert len(releases(road.lake)) == 1

    by_exam = evaluate(settings(road, evaluate={"unit": "exam"}))
    assert by_exam.notes[0].startswith("exams judged")
    # Here each exam has one image: pooling changes nothing.
    assert by_exam.figures["measures"] == summaries["evaluate"].figures["measures"]
    assert road.lake.read("evaluations").num_rows == 2 * len(held)

    neighbours = similar(told, "E00", 5, road.folder / "sheet.png")
    assert [found["rank"] for found in neighbours.neighbours] == [1, 2, 3, 4, 5]
    assert all(found["labels"] == ["Effusion"] for found in neighbours.neighbours)
    # E01 is the same patient, E00 the query itself.
    assert not {"E00", "E01"} & {found["exam_id"] for found in neighbours.neighbours}
    assert neighbours.neighbours[0]["distance"] <= neighbours.neighbours[-1]["distance"]
    with Image.open(road.folder / "sheet.png") as sheet:
        assert sheet.size[0] > 200
    by_file = similar(told, str(road.folder / "images" / "E03.png"), 3)
    assert by_file.neighbours[0]["exam_id"] == "E03"
    (road.folder / "letter.dcm").write_text("Dear colleague")
    with pytest.raises(UserError, match="not a radiograph"):
        similar(told, str(road.folder / "letter.dcm"), 3)
    with pytest.raises(UserError, match="neither an exam"):
        similar(told, "nobody", 3)

    # An index of other embeddings is refused, and mended by the stage without embedding again.
    model = road.folder / "lake" / "models" / neighbours.model_id
    [about] = model.glob("gallery-*/gallery.json")
    told_of_index = json.loads(about.read_text())
    about.write_text(json.dumps({**told_of_index, "made_of": "others"}))
    with pytest.raises(UserError, match=r"not of the present embeddings.*run `radsim embed`"):
        similar(told, "E00", 5)
    mended = embed(told)
    assert mended.outcome == "unchanged"
    assert mended.notes[1] == f"gallery of {EXAMS} images: exact index"
    assert similar(told, "E00", 5).neighbours == neighbours.neighbours
    assert len(embed(told).notes) == 1

    # E00 keeps its text, E01 gets another: one exam is relabelled, a second release follows.
    reports = [{"exam_id": f"E{n:02d}", "text": "Large pleural effusion."} for n in range(2)]
    late = road.deliver([{**row, "status": "amended"} for row in reports], "late.csv")
    ingest(settings(road, reports={"path": late}))
    assert label(told).counts["labelled"] == 1
    assert link(told).outcome == "committed"
    assert [release.version for release in releases(road.lake)] == [1, 2]
    assert train(told).outcome == "committed"
    assert road.lake.read("models").num_rows == 2

    # The second model answers nobody before the gate has let it through.
    assert embed(told).counts["embedded"] == EXAMS
    assert similar(told, "E00", 5).model_id == neighbours.model_id
    summary = evaluate(told)
    assert "current" in summary.figures["measures"][0]
    assert gate(settings(road, gate={"tolerance": 1.0})).counts["made_current"] == 1
    assert similar(told, "E00", 5).model_id != neighbours.model_id
    assert {stage(told).outcome for stage in (embed, evaluate, gate)} == {"unchanged"}


def to_link(road: Any, **changes: dict[str, Any]) -> Any:
    told = settings(road, **changes)
    for run in (ingest, label, index, cache):
        run(told)
    return link(told)


def test_a_manifest_is_plain_parquet_that_says_what_made_it(road: Any) -> None:
    to_link(road)
    (release,) = releases(road.lake)
    frame = pd.read_parquet(release.path)
    assert len(frame) == EXAMS
    assert set(frame["Effusion"].dropna()) <= {0, 1}
    assert set(frame["label_source"]) == {"report"}
    told = manifest_metadata(read_manifest(road.lake, release))
    assert (told["scheme"], told["normal_class"]) == ("nih14", "No_Finding")
    assert told["tables"]["labels"] == road.lake.versions()["labels"]
    assert told["vocabulary_hash"]


def test_a_patient_is_in_one_split_and_growth_reshuffles_nothing(road: Any) -> None:
    to_link(road)
    (first,) = releases(road.lake)
    before = pd.read_parquet(first.path).set_index("exam_id")["split"]
    assert (pd.read_parquet(first.path).groupby("patient_id")["split"].nunique() == 1).all()
    road.deliver([{"exam_id": "E99", "text": "Clear lungs."}], "more.csv")
    draw(road.folder / "images", "E99", 99, effusion=False)
    with (road.folder / "images.csv").open("a") as file:
        file.write("\nE99.png,E99,P99,PA")
    told = settings(road, reports={"path": road.folder / "more.csv"}, manifest={"test": 0.3})
    for run in (ingest, label, index, cache, link):
        run(told)
    after = pd.read_parquet(releases(road.lake)[-1].path).set_index("exam_id")["split"]
    assert (after[before.index] == before).all()
    assert len(after) == EXAMS + 1


def test_a_tampered_manifest_is_refused(road: Any) -> None:
    to_link(road)
    (release,) = releases(road.lake)
    Path(release.path).write_bytes(Path(release.path).read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="not the file that was published"):
        train(settings(road))


def test_reports_without_images_and_images_without_reports_are_counted(road: Any) -> None:
    (road.folder / "images" / "E00.png").unlink()
    draw(road.folder / "images", "X1", 1, effusion=False)
    with (road.folder / "images.csv").open("a") as file:
        file.write("\nX1.png,X1,PX,PA")
    summary = to_link(road)
    assert summary.counts["linked"] == EXAMS - 1
    assert summary.counts["unlinked"] == 1
    assert summary.counts["images without a labelled exam"] == 1
    assert road.lake.read("labels").num_rows == EXAMS


def test_files_that_are_no_radiographs_are_set_aside_with_their_reason(
    road: Any, no_rows_added: Any
) -> None:
    images = road.folder / "images"
    (images / "broken.png").write_bytes((images / "E00.png").read_bytes()[:60])
    (images / "letter.dcm").write_text("Dear colleague")
    (images / "empty.dcm").write_bytes(b"")
    (images / "gone.png").symlink_to(images / "nowhere.png")
    (images / "copy.png").write_bytes((images / "E01.png").read_bytes())
    with (road.folder / "images.csv").open("a") as file:
        file.write("\nbroken.png,E98,P98,PA")
    first = index(settings(road))
    assert first.counts["in"] == EXAMS + 5
    assert first.counts["quarantined"] == 5
    assert len(first.notes) >= 3
    assert "Dear colleague" not in str(road.lake.read("quarantine").to_pylist())
    before = no_rows_added(road.lake)
    assert index(settings(road)).counts["quarantined"] == 5
    assert no_rows_added(road.lake) == before


def test_an_image_of_another_view_is_not_used(road: Any) -> None:
    text = (road.folder / "images.csv").read_text().replace("E00,P0,PA", "E00,P0,LATERAL")
    (road.folder / "images.csv").write_text(text)
    summary = index(settings(road))
    assert summary.counts["quarantined"] == 1
    assert any("view" in note for note in summary.notes)


def test_a_label_file_overrides_the_report_and_keeps_its_own_splits(road: Any) -> None:
    classes = "Atelectasis,Cardiomegaly,Effusion,Infiltration,Mass,Nodule,Pneumonia,Pneumothorax,"
    classes += "Consolidation,Edema,Emphysema,Fibrosis,Pleural_Thickening,Hernia,No_Finding"
    zeros = ",".join(["0"] * 14)
    file = road.folder / "labels.csv"
    file.write_text(f"exam_id,patient_id,split,{classes}\nE00,P0,train,{zeros},1\n")
    to_link(road, label_file={"path": file, "format": "plain"})
    frame = pd.read_parquet(releases(road.lake)[0].path).set_index("exam_id")
    assert frame.loc["E00", ["label_source", "split", "No_Finding", "Effusion"]].tolist() == [
        "file",
        "train",
        1,
        0,
    ]
    assert frame.loc["E02", "label_source"] == "report"


def test_exams_and_images_that_do_not_match_are_named(road: Any) -> None:
    text = (road.folder / "images.csv").read_text().replace(",E", ",F")
    (road.folder / "images.csv").write_text(text)
    with pytest.raises(UserError, match="exam_id means the same"):
        to_link(road)


@pytest.mark.parametrize(
    ("run", "first"),
    [(cache, "index"), (train, "link"), (embed, "link"), (evaluate, "link")],
)
def test_a_stage_without_its_input_names_the_stage_to_run(road: Any, run: Any, first: str) -> None:
    with pytest.raises(UserError, match=f"radsim {first}"):
        run(settings(road))


def test_the_road_can_start_at_any_stage(road: Any) -> None:
    assert stages_of(settings(road), "train") == ("train", "embed", "evaluate", "gate")
    with pytest.raises(UserError, match="the stages are ingest"):
        stages_of(settings(road), "trian")


def test_without_images_the_road_ends_with_labels_and_their_drift(site: Any) -> None:
    assert stages_of(site.settings()) == ("ingest", "label", "drift")
    assert stages_of(site.settings(), "label") == ("label", "drift")
    assert stages_of(site.settings(), "link")[0] == "link"
