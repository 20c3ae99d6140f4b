"""Several processes train as one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training import fine_tuning
from training.augmentation import Augmentation
from training.fit import fit
from training.fit_settings import FitSettings
from training.processing_unit import ProcessingUnit

SETTINGS = {
    "backbone": "tiny",
    "image_size": 48,
    "dim": 8,
    "loss": "ml2plus",
    "head_epochs": 3,
    "head_least_steps": 0,
    "head_batch_size": 32,
    "finetune_epochs": 2,
    "batch_size": 20,
    "frozen_stages": 0,
    "accelerator": "cpu",
    # What is hidden or varied at random differs between one process and two.
    "feature_dropout": 0.0,
    "finetune_dropout": 0.0,
}
SCRIPT = """
import json, os, sys
import numpy as np
import torch
sys.path.insert(0, {tests!r})
import conftest
from training import backbones, fine_tuning
from training.augmentation import Augmentation
from training.fit import fit
from training.fit_settings import FitSettings

torch.set_num_threads(1)
backbones.BACKBONES["tiny"] = lambda pretrained: (conftest.tiny(), 256)
fine_tuning.Augmentation = lambda mirror: Augmentation((1.0, 1.0), 0, 0, 0, 0, 0, 0)
data = np.load({folder!r} + "/data.npz")
found = fit(data["pixels"], data["targets"], data["normal"], data["patients"], np.arange(60), [],
            FitSettings(**json.loads({settings!r})), log_folder={folder!r} + "/log")
assert torch.distributed.get_world_size() == 2
if os.environ["RANK"] == "1":
    np.savez({folder!r} + "/found.npz",
             **{{n: t.numpy() for n, t in found.model.state_dict().items()}})
"""


def test_two_processes_give_the_weights_of_one(tiny_backbone, marked_images, tmp_path, monkeypatch):
    names = ("pixels", "targets", "normal", "patients")
    np.savez(tmp_path / "data.npz", **dict(zip(names, marked_images, strict=True)))
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT.format(
            tests=str(Path(__file__).parent), folder=str(tmp_path), settings=json.dumps(SETTINGS)
        )
    )
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    # What torchrun tells the processes it starts, without the seconds it takes to start itself.
    told = {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(script)],
            env={**os.environ, **told, "RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": "0"},
        )
        for rank in ("0", "1")
    ]
    try:
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    still = Augmentation((1.0, 1.0), 0, 0, 0, 0, 0, 0)
    monkeypatch.setattr(fine_tuning, "Augmentation", lambda mirror: still)
    one = fit(*marked_images, np.arange(60), [], FitSettings(**SETTINGS)).model.state_dict()
    two = np.load(tmp_path / "found.npz")
    start = fit(
        *marked_images, np.arange(60), [], FitSettings(**{**SETTINGS, "finetune_epochs": 0})
    ).model.state_dict()
    moved = "backbone.network.layers.3.weight"
    assert np.abs((one[moved] - start[moved]).numpy()).max() > 1e-4
    for name, tensor in one.items():
        assert np.allclose(tensor.numpy(), two[name], atol=1e-5), name
    assert len(list((tmp_path / "log").iterdir())) == 1


def test_one_process_takes_the_whole_batch():
    unit = ProcessingUnit("cpu")
    batch = np.arange(7)
    assert unit.is_first
    assert np.array_equal(unit.share(batch), batch)
    assert np.array_equal(unit.whole(batch), batch)
    embeddings = torch.randn(3, 2, requires_grad=True)
    assert unit.gather(embeddings) is embeddings


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="there is no GPU"):
        ProcessingUnit("gpu")


@pytest.mark.parametrize("accelerator", ["cpu", "auto"])
def test_torchrun_s_processes_take_a_device_each(accelerator, monkeypatch):
    asked = {}

    class Recorded:
        def __init__(self, **options):
            asked.update(options)

        def launch(self):
            asked["launched"] = True

    monkeypatch.setattr("lightning_fabric.Fabric", Recorded)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    ProcessingUnit(accelerator)
    assert (asked["devices"], asked["strategy"], asked["launched"]) == (2, "ddp", True)
