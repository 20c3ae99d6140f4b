"""Images and labels to an embedding, and the measure of that embedding.

A library of its own: it knows torch and numpy, no storage and no scheduler. The names offered
here are imported on first use, so that `import training` costs nothing. Three functions have the
name of their module and are imported from it: `from training.fit import fit`,
`from training.embed import embed` and `from training.pseudo_labels import pseudo_labels`.
"""

from importlib import import_module
from typing import Any

# Offered name -> module that defines it.
_OFFERED = {
    "ALLOCATOR_ENVIRONMENT": "training.allocator",
    "CompositeKernel": "training.composite_kernel",
    "EmbeddingModel": "training.embedding_model",
    "Figure": "training.evaluate",
    "FitResult": "training.fit",
    "FitSettings": "training.fit_settings",
    "GalleryIndex": "training.gallery_index",
    "ML2Loss": "training.losses.ml2",
    "PairedSettings": "training.paired_embedding",
    "ensure_allocator": "training.allocator",
    "evaluate_embedding": "training.evaluate",
    "evaluation_labels": "training.targets",
    "fit_composite_kernel": "training.composite_kernel",
    "fit_paired": "training.paired_embedding",
    "load_backbone": "training.backbones",
    "load_model": "training.checkpoint",
    "predicted_labels": "training.composite_kernel",
    "random_embedding": "training.evaluate",
    "recall_at_k": "training.own_recall",
    "save_model": "training.checkpoint",
    "train_with_unlabelled": "training.pseudo_labels",
    "training_targets": "training.targets",
    "untrained_model": "training.embedding_model",
}

__all__ = sorted(_OFFERED)


def __getattr__(name: str) -> Any:
    """Import an offered name from its module on first use."""
    if name not in _OFFERED:
        raise AttributeError(f"module 'training' has no attribute {name!r}")
    return getattr(import_module(_OFFERED[name]), name)


def __dir__() -> list[str]:
    """List the offered names."""
    return sorted({*globals(), *_OFFERED})
