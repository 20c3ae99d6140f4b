from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pipeline.embedding_figures
from pipeline.embedding_figures import Truth, embedding_figures
from pipeline.models import CHANCE
from pipeline.settings import Settings
from pipeline.user_error import UserError

PATIENTS = 40


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Forty patients with two exams each, half of them to train; an effusion comes or goes."""
    effusion = np.arange(2 * PATIENTS) % 4 % 3 == 0
    rows = pd.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(2 * PATIENTS)],
            "exam_id": [f"e{n}" for n in range(2 * PATIENTS)],
            "patient_id": [f"p{n // 2}" for n in range(2 * PATIENTS)],
            "view": "PA",
            "split": np.where(np.arange(2 * PATIENTS) < PATIENTS, "train", "test"),
        }
    )
    told = {
        "classes": ["Edema", "Effusion", "No_Finding"],
        "normal_class": "No_Finding",
        "device_classes": [],
    }
    states = np.stack([np.full(len(rows), np.nan), effusion, ~effusion], axis=1)
    noise = np.random.default_rng(0).normal(0, 0.05, (len(rows), 4))
    vectors = noise + np.where(effusion[:, None], [1, 0, 0, 0], [0, 1, 0, 0])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embedded = (list(rows["image_id"]), vectors.astype(np.float32))
    monkeypatch.setattr(pipeline.embedding_figures, "read_embeddings", lambda *_: embedded)
    judged = rows["split"] == "test"
    truth = Truth(
        rows[judged].reset_index(drop=True),
        ["Edema", "Effusion"],
        np.stack([np.zeros(PATIENTS, bool), effusion[judged]], axis=1),
        ~effusion[judged],
        np.zeros(PATIENTS, bool),
        0,
    )
    order = pd.Series(np.arange(len(rows), dtype=np.float64), index=rows["exam_id"])
    images = SimpleNamespace(rows=rows, told=told, states=states.astype(np.float32))
    return SimpleNamespace(images=images, truth=truth, order=order, embedded=embedded)


def figures_of(site: Any, name: str = "model", **evaluate: Any) -> dict[tuple[str, str], Any]:
    told = Settings(evaluate={"resamples": 100, **evaluate})
    found = embedding_figures(site.lake, name, site.images, site.truth, site.order, told)
    return {(figure.measure, figure.queries): figure for figure in found}


@pytest.fixture(autouse=True)
def _no_lake(site: Any) -> None:
    site.lake = None


def test_retrieval_clusters_and_change_are_measured_with_the_training_exams_directions(
    site: Any,
) -> None:
    figures = figures_of(site)
    for measure in ("nDCG@10", "mAP", "AUC k-NN", "AUC centroid", "NMI"):
        assert figures[measure, "all"].value == pytest.approx(1.0)
    assert figures["class P@10", "Effusion"].value == pytest.approx(1.0)
    change = figures["AUC new or gone", "consecutive exams: Effusion"]
    assert change.value == 1.0
    assert change.n_queries == PATIENTS / 2


def test_exams_of_unknown_order_have_no_change(site: Any) -> None:
    site.order[:] = np.nan
    assert not [queries for _, queries in figures_of(site) if queries.startswith("consecutive")]


def test_chance_has_the_same_figures_but_those_of_the_centroid(site: Any) -> None:
    trained, chance = figures_of(site), figures_of(site, CHANCE)
    assert set(trained) - set(chance) == {("AUC centroid", "all"), ("AP centroid", "all")}
    assert chance["P@10", "all"].value < 0.8


def test_exams_are_judged_by_the_mean_of_their_images(site: Any) -> None:
    # Two images of the first exam, one on the other side of its direction.
    rows = site.truth.rows
    rows.loc[1, ["exam_id", "patient_id"]] = rows.loc[0, ["exam_id", "patient_id"]]
    site.truth.labels[1], site.truth.normal[1] = site.truth.labels[0], site.truth.normal[0]
    by_image, by_exam = figures_of(site), figures_of(site, unit="exam")
    assert by_image["P@10", "all"].n_queries == PATIENTS
    assert by_exam["P@10", "all"].n_queries == PATIENTS - 1


def test_an_image_without_an_embedding_is_an_error_that_says_what_to_do(site: Any) -> None:
    site.truth.rows.loc[3, "image_id"] = "never embedded"
    with pytest.raises(UserError, match="1 images are not embedded yet; run `radsim embed`"):
        figures_of(site)
