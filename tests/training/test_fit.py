import dataclasses
import math

import numpy as np
import pytest
import torch

from training.embed import embed
from training.embedding_model import untrained_model
from training.evaluate import query_measures
from training.fit import fit
from training.fit_settings import FitSettings
from training.learning_rate import warmup_cosine
from training.weight_average import WeightAverage

SETTINGS = FitSettings(
    backbone="tiny",
    image_size=48,
    dim=8,
    loss="ml2",
    head_epochs=20,
    head_least_steps=0,
    finetune_epochs=3,
    batch_size=32,
    backbone_learning_rate=3e-3,
    finetune_head_learning_rate=3e-3,
    feature_dropout=0.1,
    frozen_stages=0,
)
TRAIN, VALIDATION, TEST = np.arange(60), np.arange(60, 80), np.arange(80, 120)


def ndcg(embeddings, targets, normal):
    rows = np.arange(len(embeddings))
    return query_measures(embeddings, targets > 0, normal, rows, rows)["nDCG@10"].mean()


def test_training_brings_like_images_together(tiny_backbone, marked_images):
    pixels, targets, normal, patients = marked_images
    result = fit(pixels, targets, normal, patients, TRAIN, VALIDATION, SETTINGS)
    before = embed(untrained_model("tiny", 8, 48), pixels, TEST)
    after = embed(result.model, pixels, TEST)
    assert ndcg(before, targets[TEST], normal[TEST]) < 0.9
    assert ndcg(after, targets[TEST], normal[TEST]) > 0.9
    assert [epoch.phase for epoch in result.history][:2] == ["head", "finetune"]
    assert result.kept.validation_ndcg == max(e.validation_ndcg for e in result.history)
    kept = embed(result.model, pixels, VALIDATION)
    assert ndcg(kept, targets[VALIDATION], normal[VALIDATION]) == pytest.approx(
        result.kept.validation_ndcg, abs=0.02
    )


def test_same_seed_same_model_and_caller_state_untouched(tiny_backbone, marked_images):
    settings = dataclasses.replace(SETTINGS, finetune_epochs=1)
    torch.manual_seed(11)
    state = torch.get_rng_state()
    one = fit(*marked_images, TRAIN, VALIDATION, settings).model.state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    same = fit(*marked_images, TRAIN, VALIDATION, settings).model.state_dict()
    other = fit(
        *marked_images, TRAIN, VALIDATION, dataclasses.replace(settings, seed=1)
    ).model.state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_fine_tuning_that_hurts_is_not_kept(tiny_backbone, marked_images):
    settings = dataclasses.replace(
        SETTINGS,
        head_epochs=30,
        finetune_epochs=5,
        patience=2,
        backbone_learning_rate=10.0,
        finetune_head_learning_rate=10.0,
        ema_decay=0.0,
        clip_norm=1e6,
    )
    result = fit(*marked_images, TRAIN, VALIDATION, settings)
    best = max(result.history, key=lambda epoch: epoch.validation_ndcg)
    assert result.kept == best
    last = result.kept.epoch if result.kept.phase == "finetune" else 0
    assert len(result.history) - 1 <= last + 2
    pixels, targets, normal, _ = marked_images
    kept = embed(result.model, pixels, VALIDATION)
    assert ndcg(kept, targets[VALIDATION], normal[VALIDATION]) == pytest.approx(
        best.validation_ndcg, abs=0.05
    )


def test_head_alone_leaves_the_backbone_as_it_was(tiny_backbone, marked_images):
    settings = dataclasses.replace(SETTINGS, finetune_epochs=0)
    result = fit(*marked_images, TRAIN, VALIDATION, settings)
    untrained = untrained_model("tiny", 8, 48, settings.seed).state_dict()
    for name, tensor in result.model.state_dict().items():
        same = torch.equal(tensor, untrained[name])
        assert same == name.startswith("backbone"), name


def test_frozen_stages_stay_as_they_were(tiny_backbone, marked_images):
    settings = dataclasses.replace(SETTINGS, frozen_stages=1, finetune_epochs=1)
    result = fit(*marked_images, TRAIN, [], settings)
    untrained = untrained_model("tiny", 8, 48, settings.seed).state_dict()
    found = result.model.state_dict()
    assert torch.equal(
        found["backbone.network.layers.0.weight"], untrained["backbone.network.layers.0.weight"]
    )
    assert not torch.equal(
        found["backbone.network.layers.3.weight"], untrained["backbone.network.layers.3.weight"]
    )
    assert all(parameter.requires_grad for parameter in result.model.parameters())


def test_without_validation_rows_the_last_state_is_kept(tiny_backbone, marked_images):
    settings = dataclasses.replace(SETTINGS, finetune_epochs=2)
    result = fit(*marked_images, TRAIN, [], settings)
    assert (result.kept.phase, result.kept.epoch) == ("finetune", 2)
    assert math.isnan(result.kept.validation_ndcg)


def test_progress_rises_to_its_total(tiny_backbone, marked_images):
    seen = []
    fit(*marked_images, TRAIN, VALIDATION, SETTINGS, lambda *call: seen.append(call))
    done = [call[0] for call in seen]
    assert done == sorted(done)
    assert {call[1] for call in seen} == {80 + 3 * 60}
    assert done[-1] == 80 + 3 * 60


def test_faulty_input_is_named(tiny_backbone, marked_images):
    pixels, targets, normal, patients = marked_images
    with pytest.raises(ValueError, match="patient is in both"):
        fit(pixels, targets, normal, patients, np.arange(61), np.arange(61, 80), SETTINGS)
    with pytest.raises(ValueError, match="119 targets"):
        fit(pixels, targets[1:], normal, patients, TRAIN, VALIDATION, SETTINGS)
    with pytest.raises(ValueError, match="at least 2 images"):
        fit(pixels, targets, normal, patients, [], VALIDATION, SETTINGS)
    with pytest.raises(ValueError, match="uint8"):
        fit(pixels.astype(np.float32), targets, normal, patients, TRAIN, VALIDATION, SETTINGS)
    with pytest.raises(ValueError, match="finetune_epochs"):
        FitSettings(finetune_epochs=-1)
    with pytest.raises(ValueError, match="ema_decay"):
        FitSettings(ema_decay=1.0)


def test_embedding_follows_rows_and_batches_do_not_matter(tiny_backbone, marked_images, tmp_path):
    pixels = marked_images[0]
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    model = untrained_model("tiny", 8, 48).train()
    seen = []
    whole = embed(model, mapped, batch_size=50, progress=lambda *call: seen.append(call))
    assert model.training
    assert whole.shape == (120, 8)
    assert whole.dtype == np.float32
    assert seen == [(50, 120, "embed"), (100, 120, "embed"), (120, 120, "embed")]
    assert np.allclose(embed(model, mapped, [7, 3], batch_size=1), whole[[7, 3]], atol=1e-5)
    assert embed(model, mapped, []).shape == (0, 8)
    assert embed(model, mapped, [1], kind="features").shape == (1, 256)


def test_learning_rate_rises_then_falls_to_nothing():
    course = [warmup_cosine(share, 0.2) for share in np.linspace(0, 1, 101)]
    assert course[0] == pytest.approx(0.1)
    assert max(course) == pytest.approx(course[20]) == pytest.approx(1.0)
    assert course[:21] == sorted(course[:21])
    assert course[20:] == sorted(course[20:], reverse=True)
    assert course[-1] == pytest.approx(0.0)
    assert warmup_cosine(0.0, 0.0) == 1.0


def test_mean_weights_lag_behind_and_give_place_again():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(model.weight, 0.0)
    mean = WeightAverage(model, decay=0.5)
    torch.nn.init.constant_(model.weight, 1.0)
    mean.update()  # decay of the first step is 1 / 10
    with mean.in_place():
        assert model.weight.item() == pytest.approx(0.9)
    assert model.weight.item() == 1.0
