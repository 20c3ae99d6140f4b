"""The index that the embed stage leaves beside a model."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.settings import GallerySettings
from pipeline.stages import embed as stage
from training import GalleryIndex


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Stand in for a lake with 3,000 embeddings in twenty clusters; returns where files go."""
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((20, 8))[rng.integers(0, 20, 3_000)]
    drawn += 0.1 * rng.standard_normal(drawn.shape)
    unit = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    ids = [f"I{n}" for n in range(len(unit))]

    def store(lake: Any, model_id: str, folder: Path) -> None:
        for file in folder.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())

    monkeypatch.setattr(stage, "read_embeddings", lambda *asked: (ids, unit))
    monkeypatch.setattr(stage, "embeddings_made_of", lambda *asked: (len(ids), "version 1"))
    monkeypatch.setattr(stage, "local_model_folder", lambda *asked: tmp_path)
    monkeypatch.setattr(stage, "store_model_files", store)
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "exact"),
        ({"approximate_from": 3_001}, "exact"),
        ({"approximate_from": 3_000}, "ivf"),
        ({"index": "hnsw"}, "hnsw"),
        ({"index": "ivf"}, "ivf"),
        ({"index": "exact", "approximate_from": 1_000}, "exact"),
    ],
)
def test_the_index_is_of_the_kind_asked_for_and_its_recall_is_told(
    gallery: Path, settings: dict[str, Any], kind: str
) -> None:
    lake = SimpleNamespace(state_folder=gallery / "state")
    run: Any = SimpleNamespace(lake=lake, outputs={"embeddings": 1})
    _, [note] = stage._index_gallery(run, "m", GallerySettings(**settings))
    index = GalleryIndex.load(gallery, "m")
    assert index.kind == kind
    assert len(index) == 3_000
    if kind == "exact":
        assert note == "gallery of 3,000 images: exact index"
    else:
        assert index.recall >= 0.98
        assert note == f"gallery of 3,000 images: {kind} index, recall@10 {index.recall:.3f}"


def test_an_index_that_stands_is_left_until_embeddings_or_kind_change(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = SimpleNamespace(state_folder=gallery / "state")
    run: Any = SimpleNamespace(lake=lake, outputs={})
    hnsw, exact = GallerySettings(index="hnsw"), GallerySettings()
    assert stage._index_gallery(run, "m", hnsw)[1]
    assert stage._index_gallery(run, "m", hnsw) == ("version 1", [])
    assert stage._index_gallery(run, "m", exact)[1]
    assert stage._index_gallery(run, "m", exact) == ("version 1", [])
    monkeypatch.setattr(stage, "embeddings_made_of", lambda *asked: (3_000, "version 2"))
    assert stage._index_gallery(run, "m", exact)[1]
    assert GalleryIndex.load(gallery, "m", "version 2").kind == "exact"
