"""What changed from exam to exam, on a lake of drawn radiographs whose effusions come and go."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.change import REACQUIRED, UNCHANGED, change
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.cache import cache
from pipeline.stages.embed import embed
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.stages.train import train
from pipeline.user_error import UserError

# Effusion in each of a patient's exams, in the order of time.
COURSES = {"P00": (0, 1), "P01": (1, 0, 0), "P02": (0,)}
# Enough patients in whom nothing changes, for a null distribution.
COURSES |= {f"P{number:02d}": (number % 2,) * 2 for number in range(10, 44)}


def draw(file: Path, number: int, effusion: bool) -> None:
    noise = np.random.default_rng(number).integers(0, 60, (48, 48))
    if effusion:
        noise[24:] += 150
    Image.fromarray(noise.astype(np.uint8)).save(file)


def exam_of(patient: str, visit: int) -> str:
    """Return an id whose order is against that of time."""
    return f"E{patient[1:]}{9 - visit}"


def settings_of(folder: Path, **changes: dict[str, Any]) -> Settings:
    given: dict[str, dict[str, Any]] = {
        "lake": {"root": str(folder / "lake")},
        "reports": {
            "path": folder / "reports.csv",
            "patient_id": "patient",
            "exam_time": "time",
        },
        "images": {"path": folder / "images", "list_file": folder / "images.csv"},
        "cache": {"size": 48},
        "engine": {"workers": 1},
        "manifest": {"scheme": "nih14", "train": 0.8, "val": 0.1, "test": 0.1},
        "train": {"image_size": 32, "dim": 8, "loss": "ml2", "head_epochs": 150},
    }
    for section, values in changes.items():
        given[section] = {**given.get(section, {}), **values}
    return load_settings(None, given)


def build(folder: Path, *, times: bool, key: str | None = None) -> Settings:
    """Take in, label, cache and link the exams of all courses."""
    (folder / "images").mkdir()
    reports, images = [], []
    for number, (patient, course) in enumerate(COURSES.items()):
        for visit, effusion in enumerate(course):
            exam = exam_of(patient, visit)
            text = "Large pleural effusion." if effusion else "Clear lungs. Heart size is normal."
            row = {"exam_id": exam, "text": text, "patient": patient}
            reports.append({**row, "time": f"2026-0{visit + 1}-01"} if times else row)
            images.append(f"{exam}.png,{exam},{patient},PA")
            draw(folder / "images" / f"{exam}.png", 10 * number + visit, bool(effusion))
    with (folder / "reports.csv").open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(reports[0]))
        writer.writeheader()
        writer.writerows(reports)
    (folder / "images.csv").write_text(
        "\n".join(["path,exam_id,patient_id,view", *images]), encoding="utf-8"
    )
    changes: dict[str, Any] = {} if times else {"reports": {"exam_time": None}}
    if key is not None:
        (folder / "key").write_text(key, encoding="utf-8")
        changes["privacy"] = {"key_file": folder / "key"}
    settings = settings_of(folder, **changes)
    for stage in (ingest, label, index, cache, link):
        stage(settings)
    return settings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Build a lake whose reports have times, with a trained model."""
    settings = build(tmp_path_factory.mktemp("site"), times=True)
    train(settings)
    embed(settings)
    return settings


def test_a_new_effusion_is_new_in_labels_amount_and_direction(site: Settings) -> None:
    found = change(site, "E008")
    assert (found.against, found.how) == ("E009", "the patient's exam before it by exam time")
    assert (found.new, found.gone, found.same, found.uncertain) == (["Effusion"], [], [], [])
    scores = {row["null"]: row for row in found.scores}
    assert set(scores) == {REACQUIRED, UNCHANGED}
    assert scores[UNCHANGED]["pairs"] >= 20
    assert scores[UNCHANGED]["score"] > 0.9
    assert scores[REACQUIRED]["score"] > 0.9
    rows = {row["finding"]: row for row in found.findings}
    assert rows["Effusion"]["now"] == "positive"
    assert rows["Effusion"]["change"] == "new"
    assert rows["Effusion"]["projection"] > 0
    assert rows["Effusion"]["score"] > 0.9
    assert "No_Finding" not in rows
    # No training exam has a hernia: nothing says where it lies in the embedding.
    assert np.isnan(rows["Hernia"]["projection"])
    assert np.isnan(rows["Hernia"]["score"])


def test_swapped_exams_tell_the_opposite_and_say_so(site: Settings) -> None:
    forth, back = change(site, "E008"), change(site, "E009", "E008")
    assert (back.new, back.gone, back.how) == ([], ["Effusion"], "as named")
    assert any("later" in note for note in back.notes)
    assert back.amount == pytest.approx(forth.amount)
    for there, again in zip(forth.findings, back.findings, strict=True):
        if not np.isnan(there["projection"]):
            assert there["projection"] == pytest.approx(-again["projection"])
            assert there["score"] == pytest.approx(1 - again["score"])


def test_the_last_exam_before_is_taken_and_little_changes_where_nothing_does(
    site: Settings,
) -> None:
    found = change(site, "E017")
    assert found.against == "E018"
    assert (found.new, found.gone) == ([], [])
    assert found.amount < change(site, "E018").amount
    assert change(site, "E018").gone == ["Effusion"]


def test_what_cannot_be_compared_is_said_plainly(site: Settings) -> None:
    with pytest.raises(UserError, match="no earlier exam of this patient"):
        change(site, "E029")
    with pytest.raises(UserError, match="not an exam"):
        change(site, "nobody")
    with pytest.raises(UserError, match="different patients"):
        change(site, "E008", "E018")
    with pytest.raises(UserError, match="with itself"):
        change(site, "E008", "E008")


def test_without_times_the_ids_decide_and_without_a_model_there_is_no_answer(
    tmp_path: Path,
) -> None:
    settings = build(tmp_path, times=False)
    with pytest.raises(UserError, match="radsim train"):
        change(settings, "E009")
    train(settings)
    with pytest.raises(UserError, match="radsim embed"):
        change(settings, "E009")
    embed(settings)
    found = change(settings, "E009")
    assert found.against == "E008"
    assert found.how == "the patient's exam before it by exam id, a guess for want of exam times"


def test_with_a_key_the_exam_is_found_by_its_own_name_and_pseudonyms_are_not_ordered(
    tmp_path: Path,
) -> None:
    settings = build(tmp_path, times=False, key="a key that is long enough")
    train(settings)
    embed(settings)
    with pytest.raises(UserError, match="--against"):
        change(settings, "E008")
    found = change(settings, "E008", "E009")
    assert found.new == ["Effusion"]
    assert "E00" not in f"{found.exam_id} {found.against} {found.notes}"
