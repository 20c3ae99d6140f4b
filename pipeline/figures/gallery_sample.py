"""A bounded sample of a gallery: vectors and label sets, for figures that need pairs of images."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pipeline.figures.lake_queries import LakeQueries
from pipeline.manifests import current_release, manifest_metadata, read_manifest
from pipeline.models import current_model
from training.targets import member_classes

MOST = 2_000


@dataclass(frozen=True)
class GallerySample:
    """Some images of the newest release, embedded by the current model.

    Which ones is decided by a hash of their ids, so that the sample of a grown gallery is much the
    same.

    Attributes
    ----------
    made_of
        The model, the release and the version of the embeddings.
    model_id
        The model.
    rows
        exam_id, patient_id and image_id of n images, and a column a class with its state.
    vectors
        float32 `(n, d)`, each row of unit length.
    members
        The classes that may be members of a label set.
    normal_class
        The class of normal exams.
    whole
        How many images of the release are embedded.
    """

    made_of: dict[str, object]
    model_id: str
    rows: pd.DataFrame
    vectors: np.ndarray
    members: list[str]
    normal_class: str
    whole: int

    @cached_property
    def labels(self) -> np.ndarray:
        """Return which classes are positive, bool `(n, n_members)`."""
        return self.rows[self.members].eq(1).fillna(False).to_numpy(dtype=bool)

    @cached_property
    def normal(self) -> np.ndarray:
        """Return which images are of normal exams, bool `(n,)`."""
        return self.rows[self.normal_class].eq(1).fillna(False).to_numpy(dtype=bool)


def gallery_sample(queries: LakeQueries, most: int = MOST) -> GallerySample | None:
    """Return the sample; None where no image of the newest release is embedded.

    Raises
    ------
    UserError
        There is no release or no model yet.
    """
    lake = queries.lake
    model = current_model(lake)
    release = current_release(lake)
    manifest = read_manifest(lake, release)
    told = manifest_metadata(manifest)
    members = member_classes(told["classes"], told["normal_class"], told["device_classes"])
    ids = ["exam_id", "patient_id", "image_id"]
    classes = [*members, told["normal_class"]]
    named = manifest.select(list(dict.fromkeys([*ids, *classes])))
    embedded = "from embeddings e join released r using (image_id) where e.model_id = ?"
    beside = {"released": named.select(["image_id"])}
    whole = queries.table(f"select count(*) as n {embedded}", [model["model_id"]], beside)
    if not whole["n"][0].as_py():
        return None
    found = queries.table(
        f"select image_id, embedding {embedded} order by md5(image_id), image_id limit ?",
        [model["model_id"], most],
        beside,
    )
    rows = named.to_pandas().set_index("image_id").loc[found["image_id"].to_pylist()]
    vectors = np.stack(found["embedding"].to_numpy()).astype(np.float32)
    return GallerySample(
        {
            "model": model["content_hash"],
            "release": release.version,
            "embeddings": queries.versions.get("embeddings"),
            "most": most,
        },
        model["model_id"],
        rows.reset_index(),
        vectors,
        members,
        told["normal_class"],
        int(whole["n"][0].as_py()),
    )
