"""What judges a model: the exams of the evaluated split, and what they truly show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.gold_coding import load_gold_coding
from pipeline.lake import require
from pipeline.lake_run import Run
from pipeline.manifest_images import ManifestImages
from pipeline.settings import Settings
from pipeline.user_error import UserError


@dataclass(frozen=True)
class Truth:
    """The judged rows of the manifest, and what they truly show.

    `rows` n manifest rows, `labels` bool (n, n_members) with the classes `members`, `normal` and
    `uncertain` bool (n,); `without` counts images of the split that have no truth.
    """

    rows: pd.DataFrame
    members: list[str]
    labels: np.ndarray
    normal: np.ndarray
    uncertain: np.ndarray
    without: int


def judged_truth(run: Run, settings: Settings, images: ManifestImages) -> Truth:
    """Return the exams of the evaluated split of a manifest with what judges them.

    Raises
    ------
    UserError
        The split has no exam, or none with human codes where these are the truth.
    """
    from training import evaluation_labels
    from training.targets import member_classes

    told = images.told
    at = np.flatnonzero((images.rows["split"] == settings.evaluate.split).to_numpy())
    if len(at) == 0:
        raise UserError(
            f"manifest {images.release.version} has no exam in the {settings.evaluate.split} "
            "split; see [manifest] and [evaluate] split"
        )
    rows = images.rows.iloc[at].reset_index(drop=True)
    if settings.evaluate.truth == "manifest":
        labels, normal, uncertain = evaluation_labels(
            images.states[at], told["classes"], told["normal_class"], told["device_classes"]
        )
        return Truth(rows, images.members, labels, normal, uncertain, 0)
    if settings.evaluate.gold_coding is None:
        raise UserError("[evaluate] truth is gold: name the coding with [evaluate] gold_coding")
    coding = load_gold_coding(settings.evaluate.gold_coding)
    gold = require(run.read("gold", ["exam_id", "coding", "code"]), "human codes", "ingest")
    states = coding.states(gold).to_pandas().set_index("exam_id")
    coded = rows["exam_id"].isin(states.index).to_numpy()
    kept = rows[coded].reset_index(drop=True)
    if kept.empty:
        raise UserError(f"no exam of the {settings.evaluate.split} split has human codes")
    classes = list(states.columns)
    labels, normal, uncertain = evaluation_labels(
        states.loc[kept["exam_id"]].to_numpy(dtype=np.float32), classes, told["normal_class"]
    )
    members = member_classes(classes, told["normal_class"])
    return Truth(kept, members, labels, normal, uncertain, int((~coded).sum()))
