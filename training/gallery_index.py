"""Exact nearest neighbours of an embedding, on disk beside the model that made it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class GalleryIndex:
    """An exact inner-product index over the embeddings of a gallery.

    For vectors of unit length the inner product is the cosine, and its order that of Euclidean
    distance.

    Attributes
    ----------
    ids
        Image ids in the order of the embeddings.
    model_id
        The model the embeddings come from.
    """

    def __init__(self, index: Any, ids: list[str], model_id: str) -> None:
        self._index = index
        self.ids = ids
        self.model_id = model_id

    @classmethod
    def build(cls, embeddings: np.ndarray, ids: Sequence[str], model_id: str) -> "GalleryIndex":
        """Build an index of embeddings float32 `(n, d)` with their image ids."""
        import faiss

        if embeddings.ndim != 2 or len(embeddings) != len(ids):
            raise ValueError(f"{len(ids)} ids for embeddings of shape {embeddings.shape}")
        index = faiss.IndexFlatIP(embeddings.shape[1])
        index.add(np.ascontiguousarray(embeddings, dtype=np.float32))
        return cls(index, [str(name) for name in ids], model_id)

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k nearest of each query, nearest first.

        Returns
        -------
        products
            float32 `(n_queries, k)`, inner products; one minus it is the cosine distance.
        rows
            int64 `(n_queries, k)`, positions in `ids`. With fewer than k in the gallery both have
            that many columns.
        """
        if queries.ndim != 2 or queries.shape[1] != self._index.d:
            raise ValueError(f"queries have shape {queries.shape}, expected (n, {self._index.d})")
        k = min(k, len(self.ids))
        if k < 1:
            empty = (len(queries), 0)
            return np.zeros(empty, dtype=np.float32), np.zeros(empty, dtype=np.int64)
        products, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
        return products, rows

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `gallery.faiss` and, beside it, `gallery.json` with model id and image ids."""
        import faiss

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._index, str(target / "gallery.faiss"))
        names = json.dumps({"model_id": self.model_id, "ids": self.ids})
        (target / "gallery.json").write_text(names, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | os.PathLike[str], model_id: str) -> "GalleryIndex":
        """Read an index that `save` wrote.

        Raises `FileNotFoundError` when there is none and `ValueError` when it was built with
        another model than `model_id` or its two files do not belong together.
        """
        import faiss

        source = Path(folder)
        if not (source / "gallery.faiss").is_file() or not (source / "gallery.json").is_file():
            raise FileNotFoundError(f"no gallery index in {source}; embed the gallery first")
        names = json.loads((source / "gallery.json").read_text(encoding="utf-8"))
        if names["model_id"] != model_id:
            raise ValueError(
                f"the gallery index in {source} belongs to model {names['model_id']}, "
                f"not {model_id}; embed the gallery again"
            )
        index = faiss.read_index(str(source / "gallery.faiss"))
        if index.ntotal != len(names["ids"]):
            raise ValueError(f"the gallery index in {source} is damaged; embed the gallery again")
        return cls(index, names["ids"], model_id)
