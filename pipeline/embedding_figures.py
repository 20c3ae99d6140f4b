"""Every figure of one model's embedding of the judged exams."""

from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation_truth import Truth
from pipeline.lake import Lake
from pipeline.manifest_images import ManifestImages
from pipeline.models import CHANCE, read_embeddings
from pipeline.settings import Settings
from pipeline.user_error import UserError


def embedding_figures(
    lake: Lake,
    name: str,
    images: ManifestImages,
    truth: Truth,
    order: pd.Series,
    settings: Settings,
) -> list[Any]:
    """Return the figures (`training.Figure`) of the embedding of model `name`, which may be CHANCE.

    `order` is that of the exams of a patient (`pipeline.exam_order`).

    Raises
    ------
    UserError
        A judged image is not embedded.
    """
    from training import evaluate_embedding, random_embedding
    from training.exam_pooling import pool_exams

    centroid = None
    if name == CHANCE:
        vectors = random_embedding(len(truth.rows), settings.train.dim, settings.train.seed)
        directions = random_embedding(len(truth.members), settings.train.dim, settings.train.seed)
    else:
        ids, embeddings = read_embeddings(lake, name)
        place = pd.Series(np.arange(len(ids)), index=ids)
        vectors = judged_vectors(place, embeddings, truth)
        centroid = _normal_centroid(images, place, embeddings, settings.evaluate.unit)
        directions = _directions(images, place, embeddings, truth.members)
    change = _change_figures(vectors, truth, order, directions, settings)
    at = np.arange(len(vectors))
    if settings.evaluate.unit == "exam":
        pooled = pool_exams(vectors, list(truth.rows["exam_id"]), truth.labels)
        vectors, at = pooled.embeddings, pooled.first_image
    evaluated = truth.rows.iloc[at]
    figures = evaluate_embedding(
        vectors,
        truth.labels[at],
        truth.normal[at],
        truth.uncertain[at],
        list(evaluated["exam_id"]),
        list(evaluated["patient_id"]),
        classes=truth.members,
        ks=sorted({settings.evaluate.k, *settings.evaluate.depths}),
        neighbours=settings.evaluate.k,
        exclude_patient=not settings.evaluate.same_patient,
        centroid=centroid,
        n_resamples=settings.evaluate.resamples,
        seed=settings.train.seed,
    )
    # Without uncertain exams the figures of certain ones are the same again.
    kept = [f for f in figures if truth.uncertain.any() or not f.queries.startswith("certain")]
    return kept + change


def judged_vectors(place: pd.Series, embeddings: np.ndarray, truth: Truth) -> np.ndarray:
    """Return the embeddings of the judged rows, float32 `(n, d)`.

    `place` is the row of `embeddings` of each image id.

    Raises
    ------
    UserError
        A judged image is not embedded.
    """
    found = place.reindex(truth.rows["image_id"])
    if found.isna().any():
        missing = int(found.isna().sum())
        raise UserError(f"{missing:,} images are not embedded yet; run `radsim embed` first")
    rows: np.ndarray = embeddings[found.to_numpy(dtype=np.int64)]
    return rows


def _normal_centroid(
    images: ManifestImages, place: pd.Series, embeddings: np.ndarray, unit: str
) -> np.ndarray | None:
    """Return the centroid of the embedded normal training exams, None where there are none."""
    from training import evaluation_labels
    from training.exam_pooling import pool_exams
    from training.normality import normal_centroid

    told = images.told
    _, normal, _ = evaluation_labels(
        images.states, told["classes"], told["normal_class"], told["device_classes"]
    )
    at = place.reindex(images.rows["image_id"]).to_numpy(dtype=np.float64, na_value=np.nan)
    chosen = normal & (images.rows["split"] == "train").to_numpy() & ~np.isnan(at)
    if not chosen.any():
        return None
    rows = embeddings[at[chosen].astype(np.int64)]
    if unit == "exam":
        rows = pool_exams(rows, list(images.rows["exam_id"][chosen])).embeddings
    return normal_centroid(rows, np.ones(len(rows), dtype=bool))


def _directions(
    images: ManifestImages, place: pd.Series, embeddings: np.ndarray, members: list[str]
) -> np.ndarray:
    """Return each member's direction in the embedded training images, float32 `(n_members, d)`.

    As in training, a finding that is not mentioned is absent; an uncertain one takes no part. NaN
    for a class the manifest does not have, and where training images give no direction.
    """
    from training.change import finding_directions

    at = place.reindex(images.rows["image_id"]).to_numpy(dtype=np.float64, na_value=np.nan)
    chosen = (images.rows["split"] == "train").to_numpy() & ~np.isnan(at)
    classes = images.told["classes"]
    states = images.states[chosen]
    known = np.where(states == -1, np.nan, np.nan_to_num(states, nan=0.0))
    labels = np.full((len(known), len(members)), np.nan)
    for column, member in enumerate(members):
        if member in classes:
            labels[:, column] = known[:, classes.index(member)]
    return finding_directions(embeddings[at[chosen].astype(np.int64)], labels)


def _change_figures(
    vectors: np.ndarray,
    truth: Truth,
    order: pd.Series,
    directions: np.ndarray,
    settings: Settings,
) -> list[Any]:
    """Return the figures of consecutive exams; none where no patient has two of known order."""
    from training.change_figures import change_figures, change_pairs

    pairs = change_pairs(
        vectors,
        truth.labels,
        truth.normal,
        list(truth.rows["exam_id"]),
        list(truth.rows["patient_id"]),
        order.reindex(truth.rows["exam_id"]).to_numpy(dtype=np.float64),
        directions,
        list(truth.rows["view"]),
    )
    return change_figures(pairs, truth.members, settings.evaluate.resamples, settings.train.seed)
