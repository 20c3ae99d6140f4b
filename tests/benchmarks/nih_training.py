"""Train on the NIH radiographs and measure on its validation patients.

    RADSIM_DATA=FOLDER python -m tests.benchmarks.nih_training [--finetune-epochs 6] ...

Model selection uses a fifth of the training patients; the `val` patients are seen once, at the
end. Prints each figure with its 95 % interval by patient, and the seconds taken.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.nih_images import CLASSES, nih_states, nih_targets, read_nih
from training.allocator import ensure_allocator


def main() -> None:
    """Train, measure, print."""
    from training import (
        FitSettings,
        evaluate_embedding,
        evaluation_labels,
        random_embedding,
        untrained_model,
    )
    from training.bootstrap import paired_difference_interval
    from training.embed import embed
    from training.evaluate import group_codes, query_measures
    from training.fit import fit
    from training.normality import normal_centroid

    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("image_size", "head_epochs", "finetune_epochs", "batch_size", "seed"):
        default = getattr(FitSettings(), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    for name in ("backbone_learning_rate", "finetune_head_learning_rate", "ema_decay"):
        default = getattr(FitSettings(), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default)
    settings = FitSettings(**vars(parser.parse_args()))

    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    states = nih_states(rows)
    targets, normal = nih_targets(rows)
    labels, _, uncertain = evaluation_labels(states, CLASSES, "No_Finding")
    patients = np.array([int(row["patient_id"]) for row in rows])
    exam_ids = [row["image_index"] for row in rows]
    split = np.array([row["split"] for row in rows])
    # A fifth of the training patients selects the state that is kept.
    selects = np.random.default_rng(0).random(patients.max() + 1)[patients] < 0.2
    train = np.flatnonzero((split == "train") & ~selects)
    select = np.flatnonzero((split == "train") & selects)
    unseen = np.flatnonzero(split == "val")
    print(f"{len(train)} train, {len(select)} select, {len(unseen)} unseen images")

    result = fit(pixels, targets, normal, patients, train, select, settings)
    for epoch in result.history:
        print(epoch)
    print("kept", result.kept.phase, result.kept.epoch, f"{result.seconds:.1f} s")

    untrained = untrained_model(settings.backbone, settings.dim, settings.image_size)
    embeddings = {
        "trained": embed(result.model, pixels, unseen),
        "untrained": embed(untrained, pixels, unseen, kind="features"),
        "chance": random_embedding(len(unseen), settings.dim),
    }
    centroids = {
        "trained": normal_centroid(embed(result.model, pixels, train), normal[train]),
        "untrained": normal_centroid(
            embed(untrained, pixels, train, kind="features"), normal[train]
        ),
    }
    for name, found in embeddings.items():
        started = time.perf_counter()
        figures = evaluate_embedding(
            found,
            labels[unseen],
            normal[unseen],
            uncertain[unseen],
            [exam_ids[row] for row in unseen],
            patients[unseen].tolist(),
            centroid=centroids.get(name),
        )
        print(f"\n{name} (measured in {time.perf_counter() - started:.2f} s)")
        for figure in figures:
            if not figure.queries.startswith("certain"):
                print(
                    f"  {figure.measure:12} {figure.queries:10} {figure.value:.3f} "
                    f"[{figure.low:.3f}, {figure.high:.3f}]  n={figure.n_queries} "
                    f"left out={figure.left_out}"
                )
    exams, groups = group_codes([exam_ids[row] for row in unseen], patients[unseen].tolist())
    per_query = {
        name: query_measures(found, labels[unseen], normal[unseen], exams, groups)["nDCG@10"]
        for name, found in embeddings.items()
    }
    paired = paired_difference_interval(per_query["trained"], per_query["untrained"], groups)
    print("\ntrained − untrained nDCG@10: {:.3f} [{:.3f}, {:.3f}]".format(*paired))


if __name__ == "__main__":
    if "RADSIM_DATA" not in os.environ:
        sys.exit("RADSIM_DATA does not name the folder of the measuring data")
    ensure_allocator()
    main()
