"""A site with a manifest from a label file, and models that are no more than their rows."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from data_contracts import schemas
from pipeline.lake_run import Run
from pipeline.manifest_images import manifest_images
from pipeline.manifests import current_release
from pipeline.models import model_settings
from pipeline.settings import Settings
from pipeline.stages.cache import cache
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.link import link

EXAMS = 60
SCHEME = (
    "name: ours\nnormal_class: Normal\nclasses:\n  Normal: []\n  Effusion: [pleural_effusion]\n"
)


def told(site: Any, **changes: Any) -> Settings:
    """Return the settings of the site, whole sections of them changed."""
    given: dict[str, Any] = {
        "reports": {"path": None},
        "label_file": {"path": site.folder / "labels.csv"},
        "images": {"path": site.folder / "images", "list_file": site.folder / "images.csv"},
        "cache": {"size": 32},
        "manifest": {
            "scheme": str(site.folder / "ours.yaml"),
            **{"train": 0.2, "val": 0.1, "test": 0.7},
        },
        "evaluate": {"k": 5, "resamples": 100},
    }
    return site.settings(**{**given, **changes})


def link_site(site: Any) -> None:
    """Give a site a manifest of exams, half of them with an effusion, and no model."""
    (site.folder / "ours.yaml").write_text(SCHEME)
    (site.folder / "images").mkdir()
    (site.folder / "labels.csv").write_text("exam_id,Effusion,Normal")
    (site.folder / "images.csv").write_text("path,exam_id,patient_id,view")
    deliver_exams(site, range(EXAMS))


def deliver_exams(site: Any, numbers: range) -> None:
    """Add exams to the label file and the images, and publish them."""
    labels, images = [""], [""]
    for number in numbers:
        effusion = number % 2
        labels.append(f"E{number},{effusion},{1 - effusion}")
        images.append(f"E{number}.png,E{number},P{number},PA")
        noise = np.random.default_rng(number).integers(0, 255, (32, 32)).astype(np.uint8)
        Image.fromarray(noise).save(site.folder / "images" / f"E{number}.png")
    for file, lines in (("labels.csv", labels), ("images.csv", images)):
        with (site.folder / file).open("a") as opened:
            opened.write("\n".join(lines))
    for stage in (ingest, index, cache, link):
        stage(told(site))


def trained(site: Any, model_id: str, knows: float | None) -> None:
    """Commit a model of the current manifest and its embeddings, as the stages would.

    `knows` is how clearly its embedding tells effusions: 0 not at all, 1 well; None leaves it
    without embeddings.
    """
    release = current_release(site.lake)
    row = {
        "model_id": model_id,
        "settings": json.dumps(model_settings(told(site))),
        "manifest_version": release.version,
        "manifest_digest": release.digest,
        "seed": 0,
        "measures": "{}",
        "path": f"models/{model_id}/model.safetensors",
    }
    bare = pa.schema([field for field in schemas.MODELS if field.name in row])
    with Run(site.lake, "train", {}) as run:
        table = run.stamped(pa.Table.from_pylist([row], bare), "f", f"of {model_id}")
        run.delete("models", pa.table({"model_id": [model_id]}))
        run.append("models", table)
        run.commit({})
    if knows is not None:
        embedded(site, model_id, knows)


def embedded(site: Any, model_id: str, knows: float) -> None:
    """Commit embeddings of the manifest's images by a model, see `trained`."""
    rows = manifest_images(site.lake, told(site)).rows
    vectors = np.random.default_rng(len(model_id)).standard_normal((len(rows), 4))
    vectors[:, 0] = 20 * knows * (2 * (rows["Effusion"] == 1) - 1) + vectors[:, 0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = pa.table(
        {
            "model_id": [model_id] * len(rows),
            "image_id": pa.array(rows["image_id"], pa.string()),
            "embedding": pa.array(list(vectors.astype(np.float32)), pa.list_(pa.float32())),
        }
    )
    with Run(site.lake, "embed", {}) as run:
        run.append("embeddings", run.stamped(table, "f", "h"))
        run.commit({})
