"""The losses by the names that settings and the command line use."""

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torch import nn

from training.label_similarity import LabelSimilarity


@dataclass(frozen=True)
class _Entry:
    module: str
    name: str
    fixed: dict[str, Any] = field(default_factory=dict)
    sized: bool = False
    """It has parameters or points that depend on the number of classes and the length."""
    pairs: bool = True
    """It takes a `LabelSimilarity`."""


LOSSES = {
    "ml2": _Entry("ml2", "ML2Loss"),
    "ml2plus": _Entry("ml2plus", "ML2PlusLoss", sized=True),
    "npair": _Entry("n_pair", "NPairLoss"),
    "npair_ovo": _Entry("n_pair", "NPairLoss", {"one_vs_one": True}),
    "contrastive": _Entry("contrastive", "ContrastiveLoss"),
    "triplet_semihard": _Entry("triplet", "TripletLoss", {"mining": "semihard"}),
    "triplet_hard": _Entry("triplet", "TripletLoss", {"mining": "hard"}),
    "lifted": _Entry("lifted_structure", "LiftedStructureLoss"),
    "multi_similarity": _Entry("multi_similarity", "MultiSimilarityLoss"),
    "supcon": _Entry("supervised_contrastive", "SupervisedContrastiveLoss"),
    "proxy_anchor": _Entry("proxy_anchor", "ProxyAnchorLoss", sized=True, pairs=False),
    "bce": _Entry("classification", "ClassificationLoss", sized=True, pairs=False),
}


def loss_by_name(
    name: str, n_classes: int, dim: int, labels: LabelSimilarity | None = None, **options: Any
) -> nn.Module:
    """Return a loss.

    Parameters
    ----------
    name
        One of `LOSSES`.
    n_classes, dim
        Classes of the targets, length of the embedding.
    labels
        What makes two exams similar; the two that compare no pairs (`proxy_anchor`, `bce`) take
        nothing of it.
    options
        Keywords of the loss's own constructor.

    Raises
    ------
    ValueError
        No loss has the name, or it does not take one of the options.
    """
    if name not in LOSSES:
        raise ValueError(f"no loss named {name!r}; known: {', '.join(LOSSES)}")
    entry = LOSSES[name]
    make = getattr(import_module(f"training.losses.{entry.module}"), entry.name)
    given: dict[str, Any] = {**entry.fixed, **options}
    if entry.sized:
        given |= {"n_classes": n_classes, "dim": dim}
    if entry.pairs:
        given["labels"] = labels
    try:
        loss: nn.Module = make(**given)
    except TypeError as error:
        raise ValueError(f"loss {name}: {error}") from None
    return loss
