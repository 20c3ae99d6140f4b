"""The embedding model: backbone, head, unit-length embedding."""

from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn import functional

from training.backbones import load_backbone


class EmbeddingModel(nn.Module):
    """Radiographs to embeddings of unit length.

    The head is a linear map of standardised features: their mean and standard deviation over the
    training images are constants of the model (`set_feature_scale`), so that no feature rules by
    its scale alone.

    Parameters
    ----------
    backbone
        Name of a backbone, see `load_backbone`.
    dim
        Length of the embedding.
    image_size
        Edge in pixels of the images the model is meant for.
    pretrained
        Start from the backbone's pretrained weights.
    weights
        File of the pretrained weights, for a backbone that brings none.
    """

    feature_mean: torch.Tensor
    feature_std: torch.Tensor

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        dim: int = 128,
        image_size: int = 224,
        pretrained: bool = True,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        self.architecture = backbone
        self.dim = dim
        self.image_size = image_size
        self.backbone, self.n_features = load_backbone(backbone, pretrained, weights, image_size)
        self.register_buffer("feature_mean", torch.zeros(self.n_features))
        self.register_buffer("feature_std", torch.ones(self.n_features))
        self.head = nn.Linear(self.n_features, dim)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings `(b, dim)` of unit length of images `(b, 1, h, w)` from 0 to 1."""
        return self.embed_features(self.backbone(images))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Return the backbone's features at unit length, `(b, n_features)`.

        Of a model that was not fine-tuned this is the untrained baseline.
        """
        return functional.normalize(self.backbone(images), dim=1)

    def embed_features(self, features: torch.Tensor) -> torch.Tensor:
        """Return the embeddings `(b, dim)` of raw backbone features `(b, n_features)`."""
        standard = (features - self.feature_mean) / self.feature_std
        return functional.normalize(cast(torch.Tensor, self.head(standard)), dim=1)

    def set_feature_scale(self, features: torch.Tensor) -> None:
        """Take mean and standard deviation from raw features `(n, n_features)`."""
        self.feature_mean.copy_(features.mean(dim=0))
        # A feature that hardly varies must not be blown up to unit variance.
        std = features.std(dim=0, correction=0)
        self.feature_std.copy_(std.clamp(min=max(0.1 * float(std.mean()), 1e-6)))


def untrained_model(
    backbone: str = "efficientnet_lite0",
    dim: int = 128,
    image_size: int = 224,
    seed: int = 0,
    weights: Path | None = None,
) -> EmbeddingModel:
    """Return a model with pretrained backbone and a head initialised from `seed`.

    Its `features` are the baseline that a trained embedding is compared with. The caller's random
    state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EmbeddingModel(backbone, dim, image_size, weights=weights)
