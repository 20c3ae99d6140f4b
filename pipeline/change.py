"""What changed from an exam of the lake to the same patient's next one."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.exam_order import exam_before, exam_order
from pipeline.lake import Lake
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.models import current_model, read_embeddings, stored_model
from pipeline.pseudonyms import Pseudonymiser
from pipeline.settings import Settings
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from training.change import NullDistribution

# Varied copies of each of the two exams.
COPIES = 16
# With fewer pairs of exams whose labels did not change, a share of them says too little.
LEAST_PAIRS = 20

REACQUIRED = "varied copies of each of the two exams"
UNCHANGED = "other patients' consecutive exams with unchanged labels"

_WORDS = {1.0: "positive", 0.0: "negative", -1.0: "uncertain"}


@dataclass(frozen=True)
class ExamChange:
    """The answer to «what is new since the last exam».

    Attributes
    ----------
    model_id
        The model whose embedding was compared.
    exam_id, against
        The exam, and the earlier one it is compared with.
    how
        Why that one, in words.
    new, gone, same, uncertain
        Classes positive now only, before only, in both, and uncertain in at least one.
    amount
        1 − cos of the two embeddings.
    scores
        A dict a null distribution: `null`, its `pairs`, and the `score`, the share of its amounts
        below this one.
    findings
        A dict a class: `finding`, its states `before` and `now`, `change` (new, gone, same,
        uncertain or empty), `projection` of the embeddings' difference on the finding's direction
        (positive: towards the finding), and its `score`: the share of the null below it, 0.5
        being no change. Both are NaN where the training exams give no direction.
    notes
        What a reader must know to read the figures.
    """

    model_id: str
    exam_id: str
    against: str
    how: str
    new: list[str]
    gone: list[str]
    same: list[str]
    uncertain: list[str]
    amount: float
    scores: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def change(settings: Settings, what: str, against: str | None = None) -> ExamChange:
    """Compare an exam with the same patient's exam before it, or with the one named.

    Labels are the manifest's; an exam's embedding is the mean of its images'. Directions of
    findings are those of the embedded training exams. The amount is scored against varied copies
    of the two exams (position, exposure, noise: what a repeated acquisition might change) and,
    where the lake has enough, against other patients' consecutive exams with unchanged labels
    (training patients for an exam of one, else patients that the model has not seen); projections
    are scored against the latter, else the former.

    Raises
    ------
    UserError
        There is no such exam with an image, no earlier exam of its patient, no order among them,
        or no model, or the exams are not embedded.
    """
    lake = Lake.of(settings)
    images = manifest_images(lake, settings)
    model = current_model(lake)
    model_id = model["model_id"]
    exam_id = _exam(images, what, settings)
    order = exam_order(lake, settings, images.rows)
    if against is None:
        earlier, how = exam_before(order, exam_id)
    else:
        earlier, how = _exam(images, against, settings), "as named"
    notes = _checked(images, order, earlier, exam_id)
    vectors = _vectors(lake, model_id, images)
    pooled = _pooled(images, vectors)
    for exam in (earlier, exam_id):
        if not np.isfinite(pooled.loc[exam]).all():
            raise UserError("the two exams are not both embedded yet; run `radsim embed`")

    from training.change import change_amount, change_by_finding, finding_directions

    told = images.told
    classes = [name for name in told["classes"] if name != told["normal_class"]]
    states = images.states[:, [told["classes"].index(name) for name in classes]]
    usable = (images.rows["split"] == "train").to_numpy() & np.isfinite(vectors).all(axis=1)
    # As in training, a finding that is not mentioned is absent; an uncertain one takes no part.
    directions = finding_directions(
        vectors[usable], np.where(states == -1, np.nan, np.nan_to_num(states, nan=0.0))[usable]
    )
    pair = pooled.loc[[earlier, exam_id]].to_numpy()
    before, after = pair[:1], pair[1:]
    amount = change_amount(before, after)
    projections = change_by_finding(before, after, directions)[0]

    nulls = {REACQUIRED: _reacquisitions(lake, model, images, earlier, exam_id)}
    others = _unchanged_pairs(images, order, pooled, exam_id)
    if len(others[0]) >= LEAST_PAIRS:
        nulls[UNCHANGED] = others
    scores = []
    for name, (first, second) in nulls.items():
        null = _null(change_amount(first, second))
        share = float(null.score(amount)[0])
        scores.append({"null": name, "pairs": len(first), "score": share})
    name, (first, second) = list(nulls.items())[-1]
    null_projections = change_by_finding(first, second, directions)
    row_of = {exam: row for row, exam in enumerate(images.rows["exam_id"])}
    findings = [
        {
            "finding": finding,
            "before": _WORDS.get(old, ""),
            "now": _WORDS.get(new, ""),
            "change": _kind(old, new),
            "projection": float(projection),
            "score": float(_null(null_projections[:, column], both_ways=True).score(projection)),
        }
        for column, (finding, old, new, projection) in enumerate(
            zip(
                classes,
                states[row_of[earlier]].tolist(),
                states[row_of[exam_id]].tolist(),
                projections,
                strict=True,
            )
        )
    ]
    notes.append(f"projections are scored against {name}, in both orders")
    kinds: dict[str, list[str]] = {"new": [], "gone": [], "same": [], "uncertain": []}
    for row in findings:
        if row["change"]:
            kinds[row["change"]].append(row["finding"])
    return ExamChange(
        model_id,
        exam_id,
        earlier,
        how,
        **kinds,
        amount=float(amount[0]),
        scores=scores,
        findings=findings,
        notes=notes,
    )


def _exam(images: ManifestImages, what: str, settings: Settings) -> str:
    exams = set(images.rows["exam_id"])
    for name in (what, Pseudonymiser.of(settings).one(what)):
        if name in exams:
            return name
    raise UserError(f"{what!r} is not an exam with labels and an image in the lake")


def _checked(images: ManifestImages, order: pd.DataFrame, earlier: str, exam_id: str) -> list[str]:
    """Refuse exams that do not compare; return what must be noted of those that do."""
    if earlier == exam_id:
        raise UserError("an exam cannot be compared with itself")
    old, new = order.loc[earlier], order.loc[exam_id]
    if pd.notna(old["patient_id"]) and pd.notna(new["patient_id"]):
        if old["patient_id"] != new["patient_id"]:
            raise UserError("the two exams are of different patients")
    else:
        # Nothing shows that they belong together; the caller says so.
        return ["not both exams name their patient: that it is one is taken from the request"]
    notes = []
    if old["by"] == new["by"] and old["order"] > new["order"]:
        notes.append(f"by {old['by']} the exam compared with is the later one")
    rows = images.rows.set_index("exam_id")
    views = [sorted(set(rows.loc[[exam], "view"].fillna("unknown"))) for exam in (earlier, exam_id)]
    if views[0] != views[1]:
        was, now = ("+".join(names) for names in views)
        notes.append(f"view {was} before, {now} now: part of the amount is the view's")
    if "train" in set(rows.loc[[exam_id], "split"]):
        notes.append("the patient is in the train split: the model has seen these labels")
    return notes


def _vectors(lake: Lake, model_id: str, images: ManifestImages) -> np.ndarray:
    """Return an embedding a manifest row, float32 `(n, d)`; NaN where there is none yet."""
    ids, embeddings = read_embeddings(lake, model_id)
    if not ids:
        raise UserError("no image is embedded with the current model yet; run `radsim embed`")
    place = pd.Series(np.arange(len(ids)), index=ids).reindex(images.rows["image_id"])
    found = np.full((len(images.rows), embeddings.shape[1]), np.nan, dtype=np.float32)
    known = place.notna().to_numpy()
    found[known] = embeddings[place[known].to_numpy(dtype=np.int64)]
    return found


def _pooled(images: ManifestImages, vectors: np.ndarray) -> pd.DataFrame:
    """Return the mean direction of each exam's images, a row an exam; NaN where one is missing."""
    mean = (
        pd.DataFrame(vectors)
        .groupby(images.rows["exam_id"].to_numpy())
        .agg(lambda column: column.mean(skipna=False))
    )
    return mean.div(np.sqrt((mean**2).sum(axis=1, skipna=False)), axis=0)


def _unchanged_pairs(
    images: ManifestImages, order: pd.DataFrame, pooled: pd.DataFrame, exam_id: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings of other patients' consecutive exams with the same labels.

    Those of training patients for an exam of one, else those of the others: a model draws exams
    whose labels it was trained on nearer together than exams it never saw.
    """
    from training import evaluation_labels
    from training.change import consecutive_pairs, label_change

    told = images.told
    labels, normal, uncertain = evaluation_labels(
        images.states, told["classes"], told["normal_class"], told["device_classes"]
    )
    first = ~images.rows["exam_id"].duplicated().to_numpy()
    exams = images.rows.loc[first, "exam_id"]
    order = order.loc[exams]
    vectors = pooled.loc[exams].to_numpy()
    patients, _ = pd.factorize(order["patient_id"])
    own = order["patient_id"].eq(order.loc[exam_id, "patient_id"]).to_numpy()
    trained = (images.rows.loc[first, "split"] == "train").to_numpy()
    unlike = trained != trained[(exams == exam_id).to_numpy()][0]
    left_out = (patients < 0) | own | unlike | uncertain[first] | ~np.isfinite(vectors).all(axis=1)
    before, after = consecutive_pairs(patients, np.where(left_out, np.nan, order["order"]))
    found = label_change(labels[first], normal[first], before, after)
    still = found.known & ~found.changed
    return vectors[before[still]], vectors[after[still]]


def _reacquisitions(
    lake: Lake, trained: dict[str, Any], images: ManifestImages, *exams: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings of every two varied copies of each exam."""
    from training.reacquisition import varied_embeddings

    model = stored_model(lake, trained)
    first, second = np.triu_indices(COPIES, k=1)
    before, after = [], []
    for exam in exams:
        rows = np.flatnonzero((images.rows["exam_id"] == exam).to_numpy())
        copies = varied_embeddings(model, images.pixels, rows, COPIES).mean(axis=1)
        copies /= np.linalg.norm(copies, axis=1, keepdims=True)
        before.append(copies[first])
        after.append(copies[second])
    return np.concatenate(before), np.concatenate(after)


def _null(values: np.ndarray, both_ways: bool = False) -> "NullDistribution":
    from training.change import NullDistribution

    return NullDistribution.of(values, both_ways)


def _kind(old: float, new: float) -> str:
    """Return how a state changed; a finding that is not mentioned is absent."""
    if -1.0 in (old, new):
        return "uncertain"
    if old == new == 1.0:
        return "same"
    return "new" if new == 1.0 else "gone" if old == 1.0 else ""
