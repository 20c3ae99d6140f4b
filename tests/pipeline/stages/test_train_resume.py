"""A training that is killed goes on where it was when `radsim train` is run again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.models import local_model_folder
from pipeline.settings import Settings
from pipeline.stages.cache import cache
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.stages.train import train
from pipeline.user_error import UserError
from training import run_state, training_phase


class Killed(BaseException):
    """Death in the middle of a training: nothing in the project may catch it."""


@pytest.fixture
def told(site: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a site whose images and labels wait to be trained on."""
    monkeypatch.setattr(run_state.RunState, "is_due", lambda self: True)
    images, texts = site.folder / "images", ("Large pleural effusion.", "Clear lungs.")
    images.mkdir()
    rows = ["path,exam_id,patient_id,view"]
    for number in range(16):
        noise = np.random.default_rng(number).integers(0, 60, (48, 48))
        noise[24:] += 150 * (number % 2 == 0)
        Image.fromarray(noise.astype(np.uint8)).save(images / f"E{number:02d}.png")
        rows.append(f"E{number:02d}.png,E{number:02d},P{number:02d},PA")
    (site.folder / "images.csv").write_text("\n".join(rows))
    site.deliver([{"exam_id": f"E{n:02d}", "text": texts[n % 2]} for n in range(16)])
    settings: Settings = site.settings(
        images={"path": images, "list_file": site.folder / "images.csv"},
        cache={"size": 48},
        manifest={"scheme": "nih14", "train": 0.7, "val": 0.2, "test": 0.1},
        train={
            "backbone": "efficientnet_lite0",
            "image_size": 32,
            "dim": 8,
            "loss": "ml2",
            "head_epochs": 4,
            "head_least_steps": 0,
            "finetune_epochs": 2,
        },
    )
    for stage in (ingest, label, index, cache, link):
        stage(settings)
    return settings


def model_file(site: Any) -> bytes:
    [model] = site.lake.read("models").to_pylist()
    folder: Path = local_model_folder(site.lake, model["model_id"])
    return (folder / Path(model["path"]).name).read_bytes()


def test_a_killed_training_goes_on_and_says_so(
    told: Settings, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, taken = training_phase.step, [0]

    def dying(*arguments: Any) -> None:
        if taken[0] == 5:
            raise Killed
        taken[0] += 1
        real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(training_phase, "step", dying)
        with pytest.raises(Killed):
            train(told)
    # Not a model yet: only what the next run begins from.
    assert site.lake.read("models").num_rows == 0
    [state] = (site.lake.state_folder / "training").iterdir()
    summary = train(told)
    assert summary.outcome == "committed"
    assert any("broken off" in note for note in summary.notes)
    assert any("tensorboard --logdir" in note for note in summary.notes)
    assert not state.exists()
    assert list((site.lake.state_folder / "tensorboard" / state.name).iterdir())
    resumed = model_file(site)
    again = train(told, force=True)
    assert not any("broken off" in note for note in again.notes)
    assert model_file(site) == resumed


def test_what_the_loss_does_not_take_is_told_in_a_line(told: Settings) -> None:
    for changes in ({"loss": "m12"}, {"loss_options": {"margn": 1.0}}):
        train_settings = told.train.model_copy(update=changes)
        with pytest.raises(UserError, match=r"^\[train\]: .*(m12|margn)"):
            train(told.model_copy(update={"train": train_settings}))
