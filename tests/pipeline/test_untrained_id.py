"""Ids of the untrained network and of models: others with another file of weights."""

from pathlib import Path

import pytest

from pipeline.models import untrained_id
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.train import model_id_of
from pipeline.user_error import UserError


def of(file: Path) -> Settings:
    return load_settings(None, {"train": {"backbone": "timm:resnet18", "weights": file}})


def test_other_weights_are_another_network(tmp_path: Path) -> None:
    first, second, copy = (tmp_path / name for name in ("first", "second", "copy"))
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    copy.write_bytes(b"1")
    assert untrained_id(of(first)) == untrained_id(of(copy))
    assert untrained_id(of(first)) != untrained_id(of(second))
    told = load_settings(None, {"train": {"backbone": "efficientnet_lite0", "image_size": 224}})
    assert untrained_id(told) == "untrained-efficientnet_lite0-224-of-256"


def test_missing_weights_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read .*\[train\] weights"):
        untrained_id(of(tmp_path / "none"))


def test_a_model_trained_from_other_weights_of_the_same_name_is_another(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"1")
    first = model_id_of("digest", of(file))
    assert model_id_of("digest", of(file)) == first
    file.write_bytes(b"2")
    assert model_id_of("digest", of(file)) != first
