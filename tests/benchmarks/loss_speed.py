"""Time every loss beside the nearest of pytorch-metric-learning, forward and backward.

    python -m tests.benchmarks.loss_speed

Embeddings of length 128, 14 classes, one label in ten set. The library knows no label sets, so
its losses are given the pairs that share a label and those that share none (for triplets: all
triplets of them); finding those in the batch is part of their time, as it is part of ours.

A batch of 1,024 with the library's losses that can hold it; and one of 128 with the two nearest
to ML2, lifted structure (Song et al.: a log-sum-exp over negatives for each positive pair, ML2's
form) and the triplet margin over all triplets: they compare every positive pair with every
negative one, which at 1,024 is more than 10^10 numbers. Prints the median and fastest of 15 runs
in milliseconds, and how many times as long as ML2 each takes.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

from training.allocator import ensure_allocator

DIM, CLASSES, RUNS = 128, 14, 15


def main() -> None:
    """Time and print."""
    import torch
    from pytorch_metric_learning import losses

    from training.label_similarity import LabelSimilarity
    from training.losses.by_name import LOSSES, loss_by_name
    from training.losses.pairs import all_pairs

    similarity = LabelSimilarity()

    def batch(size: int) -> tuple[Any, Any, Any]:
        generator = torch.Generator().manual_seed(0)
        targets = (torch.rand(size, CLASSES, generator=generator) < 0.1).float()
        embeddings = torch.randn(size, DIM, generator=generator).requires_grad_()
        return embeddings, targets, targets.sum(dim=1) == 0

    def with_pairs(loss: Any) -> Callable[..., Any]:
        def forward(embeddings: Any, targets: Any, normal: Any) -> Any:
            return loss(embeddings, indices_tuple=all_pairs(similarity(targets, normal)))

        return forward

    def with_triplets(loss: Any) -> Callable[..., Any]:
        def forward(embeddings: Any, targets: Any, normal: Any) -> Any:
            pairs = similarity(targets, normal)
            anchor, positive = torch.where(pairs.positives())
            place, negative = torch.where(pairs.negatives()[anchor])
            return loss(embeddings, indices_tuple=(anchor[place], positive[place], negative))

        return forward

    large: dict[str, Callable[..., Any]] = {
        name: loss_by_name(name, CLASSES, DIM) for name in LOSSES
    }
    for loss in (
        losses.GeneralizedLiftedStructureLoss(),
        losses.MultiSimilarityLoss(),
        losses.SupConLoss(),
        losses.ContrastiveLoss(),
    ):
        large[f"library: {type(loss).__name__}"] = with_pairs(loss)
    small = {
        "ml2": large["ml2"],
        "library: LiftedStructureLoss": with_pairs(losses.LiftedStructureLoss()),
        "library: TripletMarginLoss, all triplets": with_triplets(losses.TripletMarginLoss()),
    }
    for size, steps in ((1024, large), (128, small)):
        embeddings, targets, normal = batch(size)
        print(f"batch of {size:,} × {DIM}, {torch.get_num_threads()} threads")
        medians: dict[str, float] = {}
        for name, forward in steps.items():
            seconds = []
            for _ in range(RUNS + 2):
                embeddings.grad = None
                started = time.perf_counter()
                forward(embeddings, targets, normal).backward()
                seconds.append(time.perf_counter() - started)
            measured = [1000 * value for value in seconds[2:]]
            medians[name] = statistics.median(measured)
            print(
                f"  {name:42} median {medians[name]:8.1f} ms, fastest {min(measured):8.1f} ms, "
                f"{medians[name] / medians['ml2']:7.2f} × ml2",
                flush=True,
            )


if __name__ == "__main__":
    ensure_allocator()
    main()
