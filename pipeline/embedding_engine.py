"""Embeddings of cached images, computed by this process or by the workers of a Dask cluster."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.engine import map_chunks, workers_of
from pipeline.lake import Lake
from pipeline.models import stored_model
from pipeline.settings import Settings
from pipeline.stage_summary import Progress
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from training import EmbeddingModel
    from training.embed import Kind

# Images that go through the network together, and to a worker.
BATCH = 64


@dataclass(frozen=True)
class Network:
    """Which network embeds.

    Attributes
    ----------
    settings
        Of the lake that holds it.
    model_id, content_hash
        Of the trained model; empty for the untrained network of [train].
    """

    settings: Settings = field(hash=False)
    model_id: str = ""
    content_hash: str = ""

    @property
    def kind(self) -> "Kind":
        """Return what of the network is wanted."""
        return "embedding" if self.model_id else "features"

    def load(self) -> "EmbeddingModel":
        """Return the network, ready to embed.

        Raises
        ------
        UserError
            Its file is missing or is another one, or the backbone cannot be had.
        """
        if self.model_id:
            row = {"model_id": self.model_id, "content_hash": self.content_hash}
            return stored_model(Lake.of(self.settings), row)
        from training import untrained_model

        train = self.settings.train
        try:
            return untrained_model(
                train.backbone, train.dim, train.image_size, train.seed, train.weights
            )
        except ValueError as error:
            raise UserError(f"[train]: {error}") from None

    def embed(self, pixels: Any, rows: np.ndarray, progress: Progress) -> np.ndarray:
        """Return the embeddings of some images; of the untrained network its features.

        On a cluster each worker loads the network once, from the lake.

        Parameters
        ----------
        pixels
            uint8 `(n_images, s, s)`, memory-mapped.
        rows
            Which of them, int `(n,)`.
        progress
            Told how many are done.

        Returns
        -------
        float32 `(n, d)`, each row of unit length.
        """
        from training.embed import embed

        if self.settings.engine.kind == "local":
            # Torch uses every core of this machine by itself.
            return embed(self.load(), pixels, rows, BATCH, progress, self.kind)
        workers = workers_of(self.settings.engine, many=True)
        parts: list[np.ndarray] = []
        done = 0
        for part in map_chunks(partial(_embedded, self), _chunks(pixels, rows), workers):
            parts.append(part)
            done += len(part)
            progress(done, len(rows), "embed")
        return np.concatenate(parts)


def _chunks(pixels: Any, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), BATCH):
        yield np.asarray(pixels[rows[start : start + BATCH]])


def _embedded(network: Network, images: np.ndarray) -> np.ndarray:
    from training.embed import embed

    return embed(_loaded(network), images, None, BATCH, None, network.kind)


# Of the networks of a run there are three: the current model, the candidate, the untrained one.
@lru_cache(maxsize=3)
def _loaded(network: Network) -> "EmbeddingModel":
    return network.load()
