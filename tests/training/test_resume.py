"""A run that is killed at any step goes on to the very same model."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from training import kept_features, training_phase, training_run
from training.fit import fit
from training.fit_settings import FitSettings
from training.run_state import Position, RunState

SETTINGS = FitSettings(
    backbone="tiny",
    image_size=48,
    dim=8,
    loss="bce",
    head_epochs=3,
    head_least_steps=0,
    head_batch_size=32,
    finetune_epochs=2,
    batch_size=20,
    frozen_stages=0,
    feature_views=2,
)
TRAIN, VALIDATION = np.arange(60), np.arange(60, 120)
# 3 epochs of 2 steps for the head, then 2 epochs of 3 steps.
STEPS = 12


class KilledError(Exception):
    """Stands for a kill."""


def killed_at(monkeypatch, step):
    """Let the steps before `step` pass, then break off."""
    real, count = training_phase.step, [0]

    def breaking(*arguments):
        if count[0] == step:
            raise KilledError
        count[0] += 1
        real(*arguments)

    monkeypatch.setattr(training_phase, "step", breaking)
    return count


@pytest.mark.parametrize("step", [0, 1, 3, 5, 6, 7, 9, 11])
def test_killed_at_any_step_gives_the_same_model(
    tiny_backbone, marked_images, tmp_path, monkeypatch, step
):
    whole = fit(*marked_images, TRAIN, VALIDATION, SETTINGS)
    with monkeypatch.context() as patched:
        killed_at(patched, step)
        with pytest.raises(KilledError):
            fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path, save_every=0)
    with monkeypatch.context() as patched:
        taken = killed_at(patched, 10**9)
        resumed = fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path)
    assert taken[0] == STEPS - step
    assert resumed.resumed == (step > 0)
    expected = whole.model.state_dict()
    assert all(torch.equal(tensor, expected[n]) for n, tensor in resumed.model.state_dict().items())

    def told(epoch):
        return epoch.phase, epoch.epoch, epoch.loss, epoch.validation_ndcg

    assert [told(epoch) for epoch in resumed.history] == [told(epoch) for epoch in whole.history]
    assert told(resumed.kept) == told(whole.kept)


@pytest.mark.parametrize("step", [7, 8, 10, 11])
def test_a_run_that_would_stop_early_does_so_after_a_kill(
    tiny_backbone, marked_images, tmp_path, monkeypatch, step
):
    # Steps this long spoil the network.
    settings = dataclasses.replace(
        SETTINGS,
        finetune_epochs=6,
        patience=2,
        backbone_learning_rate=10.0,
        finetune_head_learning_rate=10.0,
    )
    whole = fit(*marked_images, TRAIN, VALIDATION, settings)
    assert 3 <= len(whole.history) < 7
    steps = 6 + 3 * (len(whole.history) - 1)
    with monkeypatch.context() as patched:
        killed_at(patched, step)
        with pytest.raises(KilledError):
            fit(*marked_images, TRAIN, VALIDATION, settings, run_folder=tmp_path, save_every=0)
    taken = killed_at(monkeypatch, 10**9)
    resumed = fit(*marked_images, TRAIN, VALIDATION, settings, run_folder=tmp_path)
    assert taken[0] == steps - step
    assert [e.validation_ndcg for e in resumed.history] == [
        e.validation_ndcg for e in whole.history
    ]
    expected = whole.model.state_dict()
    assert all(torch.equal(tensor, expected[n]) for n, tensor in resumed.model.state_dict().items())


def test_a_finished_run_trains_no_more(tiny_backbone, marked_images, tmp_path, monkeypatch):
    first = fit(
        *marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path, save_every=0
    ).model.state_dict()
    taken = killed_at(monkeypatch, 10**9)
    again = fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path)
    assert taken[0] == 0
    assert all(torch.equal(first[n], tensor) for n, tensor in again.model.state_dict().items())


def test_features_computed_before_a_kill_are_not_computed_again(
    tiny_backbone, marked_images, tmp_path, monkeypatch
):
    real, rows = training_run.feature_views, []
    monkeypatch.setattr(kept_features, "SECONDS_BETWEEN_NOTES", 0.0)

    def feature_views(model, pixels, *arguments, **keywords):
        class Counted:
            def __getitem__(self, wanted):
                rows.extend(wanted)
                if len(rows) > killed_after:
                    raise KilledError
                return pixels[wanted]

        return real(model, Counted(), *arguments, **keywords)

    monkeypatch.setattr(training_run, "feature_views", feature_views)
    killed_after = 90
    with pytest.raises(KilledError):
        fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path)
    # Of 60 images in 2 views, in batches of 20, four batches are done; then 60 of validation.
    killed_after, rows = 10**9, []
    resumed = fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path)
    assert len(rows) == 2 * 20 + 60
    monkeypatch.setattr(training_run, "feature_views", real)
    whole = fit(*marked_images, TRAIN, VALIDATION, SETTINGS)
    expected = whole.model.state_dict()
    assert all(torch.equal(tensor, expected[n]) for n, tensor in resumed.model.state_dict().items())
    assert not list(tmp_path.glob("features*"))


def test_another_run_is_refused(tiny_backbone, marked_images, tmp_path):
    fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path, save_every=0)
    other = dataclasses.replace(SETTINGS, seed=1)
    with pytest.raises(ValueError, match="other settings"):
        fit(*marked_images, TRAIN, VALIDATION, other, run_folder=tmp_path)
    pixels, targets, normal, patients = marked_images
    for exams in ((pixels, 1 - targets, normal, patients), (pixels // 2, *marked_images[1:])):
        with pytest.raises(ValueError, match="labels or images"):
            fit(*exams, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path)
    with pytest.raises(ValueError, match="other settings"):
        fit(
            *marked_images,
            TRAIN,
            VALIDATION,
            SETTINGS,
            class_similarity=np.eye(2),
            run_folder=tmp_path,
        )
    (tmp_path / "state.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="cannot be read"):
        fit(*marked_images, TRAIN, VALIDATION, SETTINGS, run_folder=tmp_path)


def test_seconds_before_a_kill_count(tmp_path):
    state = RunState(tmp_path, {}, save_every=0)
    state.save(dataclasses.replace(Position("head"), steps=3))
    saved = RunState(tmp_path, {}, save_every=0)
    assert saved.position.steps == 3
    assert saved.seconds >= saved.position.seconds > 0


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import torch
sys.path.insert(0, {tests!r})
import conftest
from training import backbones
from training.fit import fit
from training.fit_settings import FitSettings

torch.set_num_threads(1)
backbones.BACKBONES["tiny"] = lambda pretrained: (conftest.tiny(), 256)
data = np.load({data!r})
settings = FitSettings(backbone="tiny", image_size=48, dim=8, head_epochs=300, finetune_epochs=0)
fit(data["pixels"], data["targets"], data["normal"], data["patients"], np.arange(60),
    np.arange(60, 120), settings, run_folder=Path({folder!r}), save_every=0)
"""


def test_a_process_killed_by_the_system_gives_the_same_model(
    tiny_backbone, marked_images, tmp_path
):
    names = ("pixels", "targets", "normal", "patients")
    np.savez(tmp_path / "data.npz", **dict(zip(names, marked_images, strict=True)))
    folder = tmp_path / "run"
    text = SCRIPT.format(
        tests=str(Path(__file__).parent), data=str(tmp_path / "data.npz"), folder=str(folder)
    )
    process = subprocess.Popen([sys.executable, "-c", text])
    deadline = time.monotonic() + 120
    while not (folder / "state.safetensors").is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL

    settings = FitSettings(
        backbone="tiny", image_size=48, dim=8, head_epochs=300, finetune_epochs=0
    )
    resumed = fit(*marked_images, TRAIN, VALIDATION, settings, run_folder=folder)
    whole = fit(*marked_images, TRAIN, VALIDATION, settings)
    assert (resumed.resumed, whole.resumed) == (True, False)
    expected = whole.model.state_dict()
    assert all(torch.equal(tensor, expected[n]) for n, tensor in resumed.model.state_dict().items())
