import dataclasses

import numpy as np
import pytest

from training.comparison import CHANCE, UNTRAINED, ComparedExams, Comparison, compare_losses
from training.comparison_plot import plot_comparison
from training.fit_settings import FitSettings

SETTINGS = FitSettings(
    backbone="tiny",
    image_size=48,
    dim=8,
    head_epochs=25,
    head_least_steps=0,
    feature_dropout=0.1,
    loss="ml2",
)


@pytest.fixture
def compared(marked_images):
    pixels, targets, normal, patients = marked_images
    return ComparedExams(pixels, targets, targets > 0, normal, np.arange(len(pixels)), patients)


def test_a_loss_that_learns_is_told_from_one_that_cannot(tiny_backbone, compared, tmp_path):
    losses = {
        "ml2": SETTINGS,
        "again": SETTINGS,
        "untaught": dataclasses.replace(SETTINGS, head_epochs=0),
    }
    calls = []
    found = compare_losses(compared, losses, [0, 1], 3, lambda *call: calls.append(call[:2]))
    assert calls[-1] == (18, 18)
    assert found.values["ml2"]["nDCG@10"].shape == (2, 120)
    rows = {row["loss"]: row for row in found.table(500)}
    assert set(rows) == {*losses, UNTRAINED, CHANCE}
    assert rows["ml2"]["verdict"] == "reference"
    assert rows["again"]["verdict"] == "no difference"
    assert rows["again"]["difference"][0] == 0
    assert rows["untaught"]["verdict"] == "worse"
    assert rows[CHANCE]["verdict"] == "worse"
    assert rows["ml2"]["nDCG@10"][0] > 0.9
    values = [row["nDCG@10"][0] for row in found.table(500)]
    assert values == sorted(values, reverse=True)
    plot_comparison(found.table(500), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"


def test_whole_networks_are_compared_the_same_way(tiny_backbone, compared):
    whole = dataclasses.replace(SETTINGS, finetune_epochs=1, frozen_stages=0, batch_size=32)
    found = compare_losses(compared, {"ml2": whole}, [0], 2)
    assert not np.isnan(found.values["ml2"]["nDCG@10"]).any()


def test_losses_on_different_networks_are_refused(tiny_backbone, compared):
    other = dataclasses.replace(SETTINGS, image_size=64)
    with pytest.raises(ValueError, match="share backbone"):
        compare_losses(compared, {"ml2": SETTINGS, "other": other})


def test_table_differences_are_paired_by_query(compared):
    rng = np.random.default_rng(0)
    first = rng.random((1, 120))
    measures = ("nDCG@10", "mAP@10", "Jaccard@10")
    values = {
        "first": dict.fromkeys(measures, first),
        "a little better": dict.fromkeys(measures, first + 0.01),
    }
    rows = {row["loss"]: row for row in Comparison(values, compared, 5).table(500)}
    # Far within either interval, yet on each single query.
    low, high = rows["first"]["nDCG@10"][1:]
    assert high - low > 0.05
    assert rows["a little better"]["verdict"] == "better"
    assert rows["a little better"]["difference"] == pytest.approx((0.01, 0.01, 0.01))
