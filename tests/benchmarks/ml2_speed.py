"""Time ML2 forward and backward on a batch of 1,024 embeddings of length 128.

    python -m tests.benchmarks.ml2_speed

Prints the median and the fastest of 50 steps, in milliseconds.
"""

import statistics
import time

from training.allocator import ensure_allocator


def main() -> None:
    """Time the loss and print."""
    import torch

    from training import ML2Loss

    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(1024, 128, generator=generator).requires_grad_()
    targets = (torch.rand(1024, 14, generator=generator) < 0.1).float()
    normal = targets.sum(dim=1) == 0
    loss = ML2Loss()
    seconds = []
    for _ in range(60):
        embeddings.grad = None
        started = time.perf_counter()
        loss(embeddings, targets, normal).backward()
        seconds.append(time.perf_counter() - started)
    measured = [1000 * value for value in seconds[10:]]
    print(
        f"ML2 1024 x 128, forward and backward: median {statistics.median(measured):.1f} ms, "
        f"fastest {min(measured):.1f} ms ({torch.get_num_threads()} threads)"
    )


if __name__ == "__main__":
    ensure_allocator()
    main()
