"""A bounded sample of a gallery: vectors and label sets, for figures that need pairs of images."""

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved
from pipeline.manifests import Release, current_release, manifest_metadata, read_manifest
from pipeline.models import current_model
from training.targets import member_classes

MOST = 2_000
_TOLD = b"radsim.sample"


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
    """Return the sample, drawn once for a model and its embeddings, and kept.

    None where no image of the newest release is embedded.

    Raises
    ------
    UserError
        There is no release or no model yet.
    """
    lake = queries.lake
    model = current_model(lake)
    release = current_release(lake)
    made_of = {
        "model": model["content_hash"],
        "release": release.version,
        "embeddings": queries.versions.get("embeddings"),
        "most": most,
    }
    table = saved(
        lake, "gallery_sample", made_of, lambda: _drawn(queries, model["model_id"], release, most)
    )
    if table.num_rows == 0:
        return None
    told = json.loads(table.schema.metadata[_TOLD])
    vectors = np.stack(table["embedding"].to_numpy()).astype(np.float32)
    rows = table.drop_columns(["embedding"]).to_pandas()
    return GallerySample(made_of, model["model_id"], rows, vectors, **told)


def _drawn(queries: LakeQueries, model_id: str, release: Release, most: int) -> pa.Table:
    """Return the rows of the sample with their embeddings, and in its metadata what else it has."""
    manifest = read_manifest(queries.lake, release)
    told = manifest_metadata(manifest)
    members = member_classes(told["classes"], told["normal_class"], told["device_classes"])
    ids = ["exam_id", "patient_id", "image_id"]
    classes = [*members, told["normal_class"]]
    named = manifest.select(list(dict.fromkeys([*ids, *classes])))
    embedded = "from embeddings e join released r using (image_id) where e.model_id = ?"
    beside = {"released": named.select(["image_id"])}
    whole = queries.table(f"select count(*) as n {embedded}", [model_id], beside)["n"][0].as_py()
    found = queries.table(
        f"select image_id, embedding {embedded} order by md5(image_id), image_id limit ?",
        [model_id, most],
        beside,
    )
    rows = named.take(pc.index_in(found["image_id"], value_set=named["image_id"]))
    kept = {"members": members, "normal_class": told["normal_class"], "whole": whole}
    return rows.append_column("embedding", found["embedding"]).replace_schema_metadata(
        {_TOLD: json.dumps(kept)}
    )
