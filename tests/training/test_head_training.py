import dataclasses

import numpy as np
import pytest

from training.embedding_model import untrained_model
from training.evaluate import query_measures
from training.feature_views import feature_views
from training.fit import fit
from training.fit_settings import FitSettings
from training.head_training import train_head
from training.losses.by_name import LOSSES

SETTINGS = FitSettings(
    backbone="tiny",
    image_size=48,
    dim=8,
    loss="ml2",
    head_epochs=20,
    head_least_steps=0,
    feature_dropout=0.1,
    feature_views=2,
)


def ndcg(embeddings, targets, normal):
    rows = np.arange(len(embeddings))
    return query_measures(embeddings, targets > 0, normal, rows, rows)["nDCG@10"].mean()


def test_views_are_the_image_itself_and_its_variations(tiny_backbone, marked_images):
    model = untrained_model("tiny", 8, 48)
    rows = [5, 3, 9]
    views = feature_views(model, marked_images[0], rows, n_views=3, batch_size=2)
    assert views.shape == (3, 3, 256)
    alone = feature_views(model, marked_images[0], [3])
    assert np.allclose(views[0, 1], alone[0, 0], atol=1e-6)
    assert not np.allclose(views[1], views[0])
    assert not np.allclose(views[1], views[2])
    seen = []
    again = feature_views(
        model, marked_images[0], rows, 3, batch_size=2, progress=lambda *call: seen.append(call)
    )
    assert np.array_equal(views, again)
    assert [call[:2] for call in seen] == [(n, 9) for n in (2, 3, 5, 6, 8, 9)]
    assert all("images/s" in call[2] for call in seen)
    with pytest.raises(ValueError, match="at least 1 view"):
        feature_views(model, marked_images[0], rows, n_views=0)


def test_head_on_features_is_the_head_that_fit_trains(tiny_backbone, marked_images):
    pixels, targets, normal, patients = marked_images
    rows = np.arange(60)
    whole = fit(pixels, targets, normal, patients, rows, [], SETTINGS)
    views = feature_views(untrained_model("tiny", 8, 48), pixels, rows, 2)
    head = train_head(views, targets[rows], normal[rows], SETTINGS)
    held_out = feature_views(untrained_model("tiny", 8, 48), pixels, np.arange(60, 120))[0]
    expected = ndcg(head.embed(held_out), targets[60:], normal[60:])
    assert expected > 0.7
    assert head.loss == pytest.approx(whole.kept.loss, rel=0.2)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_a_head_with_soft_and_missing_labels(loss):
    rng = np.random.default_rng(0)
    kind = np.arange(90) % 3
    features = rng.standard_normal((90, 12)) + 3 * np.eye(12)[kind]
    targets = np.eye(3, dtype=np.float32)[kind][:, :2]
    normal = kind == 2
    taught = np.where((targets > 0) & (rng.random((90, 2)) < 0.2), 0.5, targets)
    taught[rng.random((90, 2)) < 0.1] = np.nan
    settings = dataclasses.replace(
        SETTINGS, loss=loss, head_epochs=60, head_learning_rate=1e-2, uncertain_weight=0.5
    )
    head = train_head(features.astype(np.float32), taught, normal, settings)
    embeddings = head.embed(rng.standard_normal((90, 12)) + 3 * np.eye(12)[kind])
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    assert ndcg(embeddings, targets, normal) > 0.6


def test_few_exams_are_passed_more_often_so_that_the_head_is_trained_enough():
    settings = FitSettings(head_epochs=50, head_least_steps=200, head_batch_size=256)
    assert settings.head_passes(5_000) == 50
    assert settings.head_passes(520) == 100
    assert settings.head_passes(40) == 200
    assert dataclasses.replace(settings, head_epochs=0).head_passes(40) == 0


def test_arrays_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="do not belong together"):
        train_head(np.zeros((3, 4), np.float32), np.zeros((2, 1)), np.zeros(3, bool), SETTINGS)
