"""What a training run can be told."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class FitSettings:
    """Settings of `training.fit`.

    Cost on 2 CPU cores: `feature_views` passes of features over the training images and one over
    the validation images, then `finetune_epochs` passes of two to three times that (four with no
    stage frozen). All shrink with the square of `image_size`. Memory: 2.6 GB at 224 pixels and a
    batch of 64 with four stages frozen, about twice that with none.
    """

    backbone: str = "efficientnet_lite0:regions"
    """Name of the backbone, see `load_backbone`."""
    image_size: int = 256
    """Edge in pixels the network sees."""
    dim: int = 128
    """Length of the embedding."""
    loss: str = "ml2plus"
    """Name of the loss, see `training.losses.by_name`."""
    loss_options: dict[str, Any] = field(default_factory=dict)
    """Keywords of that loss's constructor."""
    normals_similar: bool = True
    """Normal exams are one another's positives."""
    class_weighting: Literal["none", "rarity"] = "none"
    """`rarity`: rare findings count more in label similarity (`rarity_weights`)."""
    uncertain_weight: float = 1.0
    """Weight of a pair whose similarity rests on uncertain labels alone, see `LabelSimilarity`."""
    feature_views: int = 1
    """Views of each training image whose features the head is trained on: the image itself and
    varied ones."""
    head_epochs: int = 50
    """Passes over the cached features when the head is trained; 0 leaves it untrained."""
    head_least_steps: int = 200
    """Steps that the head is trained at least, for few exams: more passes than `head_epochs`."""
    head_batch_size: int = 256
    """Exams in a batch of the head."""
    head_learning_rate: float = 1e-3
    """Peak learning rate of the head alone."""
    finetune_epochs: int = 0
    """Passes over the images when the whole network is trained; 0 trains the head alone."""
    batch_size: int = 64
    """Exams in a batch of the whole network."""
    frozen_stages: int = 4
    """First stages of the backbone that stay as pretrained (stem first). They see the largest
    maps, cost most time and memory and hold the most general filters; 0 trains all."""
    backbone_learning_rate: float = 1e-4
    """Peak learning rate of the backbone."""
    finetune_head_learning_rate: float = 3e-4
    """Peak learning rate of the head when the whole network is trained."""
    feature_dropout: float = 0.8
    """Share of features hidden while the head alone is trained."""
    finetune_dropout: float = 0.2
    """The same while the whole network is trained. Not tuned."""
    mirror: bool = False
    """Mirror training images left to right at random. Off, because side matters; the features of
    regions are the same for both."""
    weight_decay: float = 1e-2
    """Of AdamW, on matrices and kernels only."""
    warmup_share: float = 0.1
    """Share of the steps in which the learning rate rises; then it falls as a cosine."""
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.97
    """Decay per step of the running mean of the weights while the whole network is trained; the
    mean is what is evaluated and kept."""
    patience: int = 3
    """Fine-tuning stops after so many epochs without a better validation nDCG@10."""
    per_class: int = 4
    """Exams of each drawn class in a batch."""
    normal_share: float = 0.25
    """Least share of normal exams in a batch."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Of the network; losses compute in float32 all the same."""
    seed: int = 0
    """Of initial weights, batches and augmentation."""
    weights: Path | None = None
    """File of the backbone's pretrained weights, for one that brings none."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        least = {
            "image_size": 32,
            "dim": 1,
            "feature_views": 1,
            "head_epochs": 0,
            "head_least_steps": 0,
            "finetune_epochs": 0,
            "batch_size": 2,
            "head_batch_size": 2,
            "patience": 1,
            "per_class": 2,
            "frozen_stages": 0,
        }
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ValueError(f"{name} must be at least {smallest}, not {getattr(self, name)}")
        for name in (
            "feature_dropout",
            "finetune_dropout",
            "ema_decay",
            "warmup_share",
        ):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie in 0..1, below 1, not {getattr(self, name)}")

    def head_passes(self, n_exams: int) -> int:
        """Return the passes over `n_exams` features in which the head is trained.

        `head_epochs`, or as many more as give `head_least_steps`.
        """
        if self.head_epochs == 0:
            return 0
        batches = max(1, round(n_exams / min(self.head_batch_size, max(n_exams, 1))))
        return max(self.head_epochs, math.ceil(self.head_least_steps / batches))
