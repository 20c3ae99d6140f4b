"""The map of a gallery, the distances of its pairs, and figures by class."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.figures.class_measures import class_measures
from pipeline.figures.gallery_map import gallery_map
from pipeline.figures.gallery_sample import GallerySample, gallery_sample
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.pair_distances import pair_distances
from pipeline.lake import Lake
from pipeline.user_error import UserError
from tests.similar_site import MODEL, similar_site


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake.of(similar_site(tmp_path_factory.mktemp("similar")))


@pytest.fixture(scope="module")
def sample(lake: Lake) -> GallerySample:
    found = gallery_sample(LakeQueries(lake))
    assert found is not None
    return found


def test_the_sample_is_of_the_release_and_bounded(lake: Lake, sample: GallerySample) -> None:
    assert (len(sample.rows), sample.whole, sample.model_id) == (60, 60, MODEL)
    assert sample.members == ["Effusion"]
    assert (sample.labels.sum(), sample.normal.sum()) == (30, 30)
    few = gallery_sample(LakeQueries(lake), most=7)
    assert few is not None
    assert few.whole == 60
    assert list(few.rows["image_id"]) == list(sample.rows["image_id"][:7])
    np.testing.assert_array_equal(few.vectors, sample.vectors[:7])


def test_a_lake_without_a_model_says_what_to_run(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UserError, match="run `radsim train` first"):
        gallery_sample(LakeQueries(Lake(tmp_path_factory.mktemp("empty") / "lake")))


def test_on_the_map_like_lies_with_like_and_it_is_the_same_each_time(
    lake: Lake, sample: GallerySample
) -> None:
    places = gallery_map(lake, sample)
    assert len(places) == 60
    points = places[["x", "y"]].to_numpy()
    distances = np.linalg.norm(points[:, None] - points[None, :], axis=2)
    np.fill_diagonal(distances, np.inf)
    effusion = sample.labels[:, 0]
    nearest = distances.argmin(axis=1)
    assert (effusion[nearest] == effusion).mean() > 0.95
    assert 0.8 < places["trustworthiness"].iloc[0] <= 1
    again = gallery_map(lake, replace(sample, made_of=sample.made_of | {"again": True}))
    np.testing.assert_array_equal(again[["x", "y"]].to_numpy(), points)


def test_too_few_images_make_no_map(lake: Lake, sample: GallerySample) -> None:
    few = replace(sample, vectors=sample.vectors[:5], rows=sample.rows.iloc[:5])
    assert gallery_map(lake, few).empty


def test_every_pair_counts_once_and_like_pairs_are_nearer(
    lake: Lake, sample: GallerySample
) -> None:
    pairs = pair_distances(lake, sample)
    assert pairs["same"].sum() == 2 * (30 * 29 // 2)
    assert pairs["different"].sum() == 30 * 30
    assert pairs["auc"].iloc[0] > 0.99


def test_pairs_of_a_patient_and_unknown_pairs_are_left_out(
    lake: Lake, sample: GallerySample
) -> None:
    rows = sample.rows.copy()
    # The first two are one patient; the third says nothing and is not normal; of the rest no
    # patient is known, and each counts as its own.
    rows["patient_id"] = ["P", "P", *[None] * 58]
    rows.loc[2, ["Effusion", "Normal"]] = 0
    changed = replace(sample, rows=rows, made_of=sample.made_of | {"changed": True})
    pairs = pair_distances(lake, changed)
    assert pairs[["same", "different"]].to_numpy().sum() == 59 * 58 // 2 - 1


def test_figures_by_class_are_of_every_model_measured(lake: Lake) -> None:
    found = class_measures(LakeQueries(lake), "test", "manifest")
    assert set(found["measure"]) == {"nDCG@5"}
    assert set(found["queries"]) == {"all", "Effusion", "mean of classes"}
    value = found.set_index(["model_id", "queries"])["value"]
    assert (value[MODEL, "Effusion"], value["chance", "Effusion"]) == (0.9, 0.3)
    assert class_measures(LakeQueries(lake), "test", "gold").empty
