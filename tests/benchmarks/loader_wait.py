"""How fast the loop trains and how long the network waits for its input, on the NIH radiographs.

    RADSIM_DATA=FOLDER python -m tests.benchmarks.loader_wait [--epochs 2] [--images 320] ...

Pixels lie in a memory-mapped file, as the cache has them. Prints, for the head and for the whole
network, images/s and the share of the time in which the network waited; for the latter also what
one batch costs to make, which is what would be waited for without the background thread.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from training.allocator import ensure_allocator

TARGET = 0.05


def main() -> int:
    """Train, measure, print; 1 if the network waited for more than 5 % of the time."""
    from tests.benchmarks.nih_images import nih_targets, read_nih
    from training import FitSettings, untrained_model
    from training.fine_tuning import finetune_phase
    from training.fit import fit
    from training.training_exams import TrainingExams

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--image-size", type=int, default=FitSettings().image_size)
    parser.add_argument("--backbone", default=FitSettings().backbone)
    parser.add_argument("--precision", default="32-true")
    told = parser.parse_args()

    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    targets, normal = nih_targets(rows)
    patients = np.array([int(row["patient_id"]) for row in rows])
    settings = FitSettings(
        backbone=told.backbone,
        image_size=told.image_size,
        finetune_epochs=told.epochs,
        precision=told.precision,
        accelerator="cpu",
    )
    chosen = np.arange(min(told.images, len(pixels)))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "pixels.npy", pixels)
        mapped = np.load(Path(folder) / "pixels.npy", mmap_mode="r")
        found = fit(mapped, targets, normal, patients, chosen, [], settings)
        exams = TrainingExams.checked(mapped, targets, normal, patients, chosen, [])
        phase = finetune_phase(untrained_model(settings.backbone), exams, settings)
        batch = chosen[: settings.batch_size]
        phase.inputs(batch, 0)
        started = time.perf_counter()
        for seed in range(5):
            phase.inputs(batch, seed)
        alone = (time.perf_counter() - started) / 5
    for epoch in found.history:
        print(
            f"{epoch.phase} {epoch.epoch}: {epoch.images_per_second:,.1f} images/s, "
            f"waited {epoch.loader_wait:.2%} of the time"
        )
    whole = dataclasses.asdict(found.history[-1])
    step = settings.batch_size / whole["images_per_second"]
    print(f"a batch of {settings.batch_size} takes {alone:.3f} s to make, a step {step:.2f} s")
    return int(whole["loader_wait"] > TARGET)


if __name__ == "__main__":
    ensure_allocator()
    sys.exit(main())
