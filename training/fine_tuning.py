"""Training the whole network on varied images."""

from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.augmentation import Augmentation
from training.embed import load_pixels
from training.embedding_model import EmbeddingModel
from training.fit_settings import FitSettings
from training.training_exams import TrainingExams
from training.training_phase import Phase


class _Whole(nn.Module):
    """Images to embeddings of any length, hiding a random share of the features."""

    def __init__(self, model: EmbeddingModel, dropout: float) -> None:
        super().__init__()
        self.model = model
        self.dropout = dropout

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.model.backbone(images)
        standard = (features - self.model.feature_mean) / self.model.feature_std
        return cast(torch.Tensor, self.model.head(functional.dropout(standard, self.dropout)))


def finetune_phase(model: EmbeddingModel, exams: TrainingExams, settings: FitSettings) -> Phase:
    """Return the phase that trains the model on its varied training images, in place."""
    model.backbone.freeze(settings.frozen_stages)
    vary = Augmentation(mirror=settings.mirror)

    def inputs(batch: np.ndarray, seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        pixels = load_pixels(exams.pixels, exams.train[batch])
        images = vary(pixels, settings.image_size, generator)
        return images.contiguous(memory_format=torch.channels_last)

    return Phase(
        name="finetune",
        number=1,
        epochs=settings.finetune_epochs,
        batch_size=settings.batch_size,
        network=_Whole(model, settings.finetune_dropout),
        rates=[
            (model.backbone, settings.backbone_learning_rate),
            (model.head, settings.finetune_head_learning_rate),
        ],
        inputs=inputs,
        ema_decay=settings.ema_decay,
    )
