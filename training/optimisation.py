"""One step of training: optimiser, learning rate, clipping."""

import torch
from torch import nn

from training.fit_settings import FitSettings
from training.learning_rate import warmup_cosine
from training.processing_unit import ProcessingUnit


def optimiser_of(
    parts: list[tuple[nn.Module, float]], settings: FitSettings
) -> torch.optim.Optimizer:
    """Return AdamW over modules with their peak learning rates; vectors are not decayed.

    Biases and the parameters of normalisation are vectors. Parameters that need no gradient are
    left out.
    """
    groups = []
    for module, rate in parts:
        for decayed in (True, False):
            trained = [p for p in module.parameters() if p.requires_grad]
            chosen = [p for p in trained if (p.ndim > 1) == decayed]
            decay = settings.weight_decay if decayed else 0.0
            groups.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay})
    return torch.optim.AdamW([group for group in groups if group["params"]])


def step(
    optimiser: torch.optim.Optimizer,
    loss: torch.Tensor,
    share: float,
    settings: FitSettings,
    unit: ProcessingUnit,
) -> None:
    """Take one step at `share` (0 to 1) of the training."""
    factor = warmup_cosine(share, settings.warmup_share)
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor
    optimiser.zero_grad(set_to_none=True)
    unit.backward(loss)
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    nn.utils.clip_grad_norm_(weights, settings.clip_norm)
    optimiser.step()
