"""`radsim compare` on a small lake of drawn radiographs."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from flows.command_line import app
from pipeline.comparison import compare
from pipeline.settings_file import load_settings
from pipeline.stages.cache import cache
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.user_error import UserError


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take in 24 exams of 12 patients, half of them with a large effusion."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "images").mkdir()
    reports, images = ["exam_id,text,patient"], ["path,exam_id,patient_id,view"]
    for number in range(24):
        effusion, patient = number % 2, f"P{number // 2}"
        text = "Large pleural effusion." if effusion else "Clear lungs. Heart size is normal."
        reports.append(f"E{number},{text},{patient}")
        images.append(f"E{number}.png,E{number},{patient},PA")
        pixels = np.random.default_rng(number).integers(0, 60, (48, 48))
        pixels[24:] += 150 * effusion
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"E{number}.png")
    (folder / "reports.csv").write_text("\n".join(reports), encoding="utf-8")
    (folder / "images.csv").write_text("\n".join(images), encoding="utf-8")
    file = folder / "radsim.toml"
    file.write_text(
        f"""
[lake]
root = "{folder}/lake"
[reports]
path = "{folder}/reports.csv"
patient_id = "patient"
[images]
path = "{folder}/images"
list_file = "{folder}/images.csv"
[cache]
size = 48
[manifest]
scheme = "nih14"
[engine]
workers = 1
[train]
image_size = 32
dim = 4
head_epochs = 2
head_least_steps = 0
""",
        encoding="utf-8",
    )
    settings = load_settings(file, {})
    for stage in (ingest, label, index, cache, link):
        stage(settings)
    return file


def test_losses_are_compared_and_written_as_table_and_plot(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told = CliRunner().invoke(
        app,
        [
            *("compare", "--config", str(config), "--losses", "ml2plus, bce"),
            *("--seeds", "1", "--folds", "2", "--out", str(out)),
        ],
    )
    assert told.exit_code == 0, told.output
    assert "24 images of 12 patients in 2 folds by patient" in told.output
    for name in ("ml2plus", "bce", "untrained features", "chance", "reference"):
        assert name in told.output
    lines = (out / "comparison.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 + 4
    assert lines[0].startswith("| loss | nDCG@10 |")
    assert (out / "comparison.csv").read_text(encoding="utf-8").count("\n") == 5
    assert (out / "comparison.png").stat().st_size > 1000


def test_what_cannot_be_compared_is_said_in_a_line(config: Path) -> None:
    settings = load_settings(config, {})
    with pytest.raises(UserError, match="no loss named 'ml3'; known: ml2, ml2plus"):
        compare(settings, ["ml3"])
    with pytest.raises(UserError, match="40 folds cannot be made of 12 patients"):
        compare(settings, ["bce"], 1, 40)


def test_weights_that_have_seen_nih_images_are_barred_from_a_comparison_on_them(
    config: Path,
) -> None:
    changes = {
        "train": {"backbone": "xrv:densenet121-res224-all"},
        "label_file": {"format": "nih"},
    }
    with pytest.raises(UserError, match="trained on NIH images"):
        compare(load_settings(config, changes), ["bce"])
