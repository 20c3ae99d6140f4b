"""A change of vocabulary or settings makes known versions stale; a run recomputes exactly those."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.forget import forget
from pipeline.lake import Lake
from pipeline.road import STAGES, run_road, stage, stage_of_selection
from pipeline.selection import Selection
from pipeline.settings import Settings
from pipeline.staleness import stage_states

EXAMS = 12
TO_LINK = STAGES[: STAGES.index("link") + 1]
VOCABULARY = """\
findings:
  - id: sail_sign
    name: Sail sign
    phrases: [sail sign]
"""


@pytest.fixture
def road(site: Any) -> Any:
    """Return the site with images of every second exam bright, and patients."""
    reports, images = [], ["path,exam_id,patient_id,view"]
    (site.folder / "images").mkdir()
    for number in range(EXAMS):
        exam, patient = f"E{number:02d}", f"P{number // 2}"
        effusion = number % 2 == 0
        text = "Large pleural effusion. Sail sign." if effusion else "Clear lungs. Normal heart."
        reports.append({"exam_id": exam, "patient_id": patient, "text": text})
        noise = np.random.default_rng(number).integers(0, 60, (48, 48)) + (150 if effusion else 0)
        Image.fromarray(noise.astype(np.uint8)).save(site.folder / "images" / f"{exam}.png")
        images.append(f"{exam}.png,{exam},{patient},PA")
    site.deliver(reports)
    (site.folder / "images.csv").write_text("\n".join(images))
    return site


def settings(road: Any, **changes: dict[str, Any]) -> Settings:
    given: dict[str, dict[str, Any]] = {
        "reports": {"path": road.reports, "patient_id": "patient_id"},
        "images": {"path": road.folder / "images", "list_file": road.folder / "images.csv"},
        "cache": {"size": 48},
        "manifest": {"scheme": "nih14", "train": 0.4, "val": 0.3, "test": 0.3},
        "train": {
            "backbone": "efficientnet_lite0",
            "image_size": 32,
            "dim": 8,
            "head_epochs": 2,
            "loss": "ml2",
        },
        "evaluate": {"k": 3, "resamples": 100},
    }
    for section, values in changes.items():
        given[section] = {**given.get(section, {}), **values}
    return road.settings(**given)


def stale(asked: Settings) -> list[str]:
    return [state.stage for state in stage_states(asked) if state.stale]


def why(asked: Settings, name: str) -> str:
    return next(state.why for state in stage_states(asked) if state.stage == name)


def recomputed(asked: Settings) -> list[str]:
    return [done.stage for done in run_road(asked) if done.outcome == "committed"]


def test_a_lake_without_runs_has_nothing_that_is_stale(road: Any) -> None:
    assert stale(settings(road)) == []
    assert {state.output for state in stage_states(settings(road))} == {""}


def test_a_change_makes_stale_what_rests_on_it_and_a_run_recomputes_exactly_that(
    road: Any,
) -> None:
    asked = settings(road)
    assert recomputed(asked) == list(STAGES)
    assert stale(asked) == []
    assert recomputed(asked) == []

    # Of a part and of a named release the same, and no more than asked.
    part = stage_of_selection("embed", Selection(version=1, exams=("E00",)))
    counts = part(asked, force=True).counts
    assert counts == {"in": 2, "embedded": 2, "unchanged": 0}
    assert stage_of_selection("train", Selection(version=1))(asked).outcome == "unchanged"
    assert stale(asked) == []

    asked = settings(road, evaluate={"k": 4})
    assert stale(asked) == ["evaluate"]
    assert recomputed(asked) == ["evaluate"]
    assert stale(asked) == []

    asked = settings(road, evaluate={"k": 4}, train={"seed": 5})
    assert why(asked, "train") == "since manifest 1: settings of the model changed (seed)"
    assert stale(asked) == ["train", "embed", "evaluate"]

    folder = Path(road.folder) / "vocabulary"
    folder.mkdir()
    (folder / "findings.yaml").write_text(VOCABULARY)
    asked = settings(road, evaluate={"k": 4}, label={"vocabulary": folder})
    assert why(asked, "label") == "the vocabulary has changed"
    assert why(asked, "train").startswith("rests on manifest 1")
    assert stale(asked) == ["label", "drift", "link", "train", "embed", "evaluate"]
    # The finding is of no class of the scheme: the new labels give the same manifest again.
    done = [summary for summary in run_road(asked) if summary.outcome == "committed"]
    assert [summary.stage for summary in done] == ["label", "drift", "link"]
    told = "labels v0 were made with another vocabulary: every report is labelled anew"
    assert told in done[0].notes
    assert stale(asked) == []
    assert recomputed(asked) == []


def test_a_change_of_scheme_size_and_rules_is_seen(road: Any) -> None:
    asked = settings(road)
    for name in TO_LINK:
        stage(name)(asked)
    assert stale(asked) == []
    assert stale(settings(road, manifest={"scheme": "chexpert14"})) == ["drift", "link"]
    assert why(settings(road, cache={"size": 64}), "cache") == "[cache] size is 64 now"
    assert stale(settings(road, cache={"size": 64})) == ["cache"]
    assert stale(settings(road, images={"views": ["PA"]})) == ["index", "cache", "link"]


def test_an_amended_report_makes_its_labels_and_the_manifest_stale(road: Any) -> None:
    asked = settings(road)
    for name in TO_LINK:
        stage(name)(asked)
    road.deliver([{"exam_id": "E01", "patient_id": "P0", "text": "Pneumothorax."}])
    stage("ingest")(asked)
    assert why(asked, "label") == "1 reports are new, changed or gone"
    assert stale(asked) == ["label", "drift", "link"]
    stage("label")(asked)
    stage("drift")(asked)
    assert stale(asked) == ["link"]
    stage("link")(asked)
    assert stale(asked) == []


def test_after_a_patient_is_forgotten_the_release_has_to_be_made_anew(road: Any) -> None:
    asked = settings(road)
    for name in TO_LINK:
        stage(name)(asked)
    forget(asked, ["P3"])
    states = {state.stage: state for state in stage_states(asked)}
    assert states["link"].output == ""
    stage("drift")(asked)
    stage("link")(asked)
    assert Lake.of(asked).versions()["manifest"] == 2
    assert stale(asked) == []
