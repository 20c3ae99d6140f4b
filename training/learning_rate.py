"""The course of the learning rate."""

import math


def warmup_cosine(share: float, warmup: float) -> float:
    """Factor of the peak learning rate at `share` (0 to 1) of the training.

    It rises in a line for the first `warmup` share, then falls as half a cosine to 0. The rise
    starts at a tenth of the peak, so that no step is lost.
    """
    if share < warmup:
        return 0.1 + 0.9 * share / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (share - warmup) / (1.0 - warmup)))
