"""Nearest neighbours of an embedding, on disk beside the model that made it."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from training.approximate_index import ApproximateIndex, build_approximate

IndexKind = Literal["exact", "hnsw", "ivf"]

_INDEX, _ABOUT = "gallery.faiss", "gallery.json"


class GalleryIndex:
    """An inner-product index over the embeddings of a gallery, exact or approximate.

    For vectors of unit length the inner product is the cosine, and its order that of Euclidean
    distance.

    Attributes
    ----------
    ids
        Image ids in the order of the embeddings.
    model_id
        The model the embeddings come from.
    kind
        `exact`, `hnsw` or `ivf`: what it is, whatever was asked for.
    recall
        Share of the true 10 nearest that it finds, as measured when it was built; 1 when exact.
    effort
        Of a search, see `ApproximateIndex`; 0 when exact.
    asked
        The kind that was asked for: an approximate one that gains nothing is built as `exact`.
    made_of
        What the embeddings were made of, as the builder said; empty when it did not.
    """

    def __init__(
        self,
        index: Any,
        ids: list[str],
        model_id: str,
        asked: IndexKind = "exact",
        made_of: str = "",
    ) -> None:
        self._index = index
        self.ids = ids
        self.model_id = model_id
        self.asked = asked
        self.made_of = made_of
        approximate = isinstance(index, ApproximateIndex)
        self.kind: IndexKind = index.kind if approximate else "exact"
        self.recall: float = index.recall if approximate else 1.0
        self.effort: int = index.effort if approximate else 0
        self._faiss = index.index if approximate else index

    @classmethod
    def build(
        cls,
        embeddings: np.ndarray,
        ids: Sequence[str],
        model_id: str,
        kind: IndexKind = "exact",
        made_of: str = "",
    ) -> "GalleryIndex":
        """Build an index of embeddings float32 `(n, d)` with their image ids.

        An approximate kind becomes `exact` where `build_approximate` finds it not worth while.
        `made_of` is any text that changes with the embeddings; `load` compares it.
        """
        import faiss

        if embeddings.ndim != 2 or len(embeddings) != len(ids):
            raise ValueError(f"{len(ids)} ids for embeddings of shape {embeddings.shape}")
        index: Any = None if kind == "exact" else build_approximate(embeddings, kind)
        if index is None:
            index = faiss.IndexFlatIP(embeddings.shape[1])
            index.add(np.ascontiguousarray(embeddings, dtype=np.float32))
        return cls(index, [str(name) for name in ids], model_id, kind, made_of)

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the k nearest of each query, nearest first.

        Returns
        -------
        products
            float32 `(n_queries, k)`, inner products; one minus it is the cosine distance.
        rows
            int64 `(n_queries, k)`, positions in `ids`; -1, at the end of a row, where an
            approximate index found fewer. With fewer than k in the gallery both have that many
            columns.
        """
        if queries.ndim != 2 or queries.shape[1] != self._faiss.d:
            raise ValueError(f"queries have shape {queries.shape}, expected (n, {self._faiss.d})")
        k = min(k, len(self.ids))
        if k < 1:
            empty = (len(queries), 0)
            return np.zeros(empty, dtype=np.float32), np.zeros(empty, dtype=np.int64)
        products, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
        return products, rows

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `gallery.faiss` and, beside it, `gallery.json` with all else."""
        import faiss

        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._faiss, str(target / _INDEX))
        about = {
            "model_id": self.model_id,
            "made_of": self.made_of,
            "asked": self.asked,
            "kind": self.kind,
            "effort": self.effort,
            "recall": self.recall,
            "index_digest": _digest(target / _INDEX),
            "ids": self.ids,
        }
        (target / _ABOUT).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], model_id: str, made_of: str | None = None
    ) -> "GalleryIndex":
        """Read an index that `save` wrote.

        Raises `FileNotFoundError` when there is none and `ValueError` when it was built with
        another model than `model_id` or from other embeddings than `made_of` says (None: not
        compared), or when its two files do not belong together.
        """
        import faiss

        source = Path(folder)
        if not (source / _INDEX).is_file() or not (source / _ABOUT).is_file():
            raise FileNotFoundError(f"no gallery index in {source}; embed the gallery first")
        about = json.loads((source / _ABOUT).read_text(encoding="utf-8"))
        if about["model_id"] != model_id:
            raise ValueError(
                f"the gallery index in {source} belongs to model {about['model_id']}, "
                f"not {model_id}; embed the gallery again"
            )
        if made_of is not None and about.get("made_of") != made_of:
            raise ValueError(
                f"the gallery index in {source} is not of the present embeddings; "
                "embed the gallery again"
            )
        # Also of an index written before this was kept.
        if about.get("index_digest") != _digest(source / _INDEX):
            raise ValueError(f"the gallery index in {source} is damaged; embed the gallery again")
        index: Any = faiss.read_index(str(source / _INDEX))
        if index.ntotal != len(about["ids"]):
            raise ValueError(f"the gallery index in {source} is damaged; embed the gallery again")
        if about["kind"] != "exact":
            index = ApproximateIndex(index, about["kind"], about["effort"], about["recall"])
        return cls(index, about["ids"], model_id, about["asked"], about["made_of"])

    @staticmethod
    def stands(
        folder: str | os.PathLike[str], model_id: str, kind: IndexKind, made_of: str
    ) -> bool:
        """Return whether `folder` holds the index that `build` would make of these.

        Only `gallery.json` is read.
        """
        source = Path(folder)
        if not (source / _INDEX).is_file() or not (source / _ABOUT).is_file():
            return False
        about = json.loads((source / _ABOUT).read_text(encoding="utf-8"))
        wanted = {"model_id": model_id, "asked": kind, "made_of": made_of}
        return all(about.get(name) == value for name, value in wanted.items())


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
