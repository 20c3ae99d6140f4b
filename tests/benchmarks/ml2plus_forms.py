"""Which form of ML2+: ML2 with a term of each exam's own labels, in several forms.

    RADSIM_DATA=FOLDER OMP_NUM_THREADS=1 python -m tests.benchmarks.ml2plus_forms [--seeds 2]

Five folds by patient over the 1,199 NIH radiographs, a linear head on the default network's frozen
features, nDCG@10 of the held-out fold with intervals by patient, all queries and abnormal ones, and
the paired difference from ML2 alone. Once with the labels as they are, and once with 30 % of the
training labels' positives dropped.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from training.allocator import ensure_allocator


def main() -> None:
    """Train, measure, print."""
    import torch

    from tests.benchmarks.nih_images import nih_targets, read_nih
    from training import untrained_model
    from training.bootstrap import mean_interval, paired_difference_interval
    from training.cross_validation import patient_folds
    from training.evaluate import query_measures
    from training.feature_views import feature_views
    from training.fit_settings import FitSettings
    from training.head_training import train_head
    from training.losses.classification import ClassificationLoss
    from training.losses.ml2 import ML2Loss
    from training.losses.ml2plus import ML2PlusLoss

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    seeds = parser.parse_args().seeds

    class WithClassification(torch.nn.Module):
        """ML2 + λ·BCE on the unit embedding."""

        def __init__(self, n_classes: int, dim: int, weight: float) -> None:
            super().__init__()
            self.ml2, self.bce = ML2Loss(), ClassificationLoss(n_classes, dim)
            self.weight = weight

        def forward(self, *batch: Any) -> torch.Tensor:
            return self.ml2(*batch) + self.weight * self.bce(*batch)

    class RegressionAlone(ML2PlusLoss):
        """The regression to label-set points without ML2."""

        def forward(self, *batch: Any) -> torch.Tensor:
            return self.regression(*batch)

    forms: dict[str, Any] = {
        "ML2 alone": lambda n, d: ML2Loss(),
        "ML2 + BCE": lambda n, d: WithClassification(n, d, 1.0),
        "ML2 + 10 BCE": lambda n, d: WithClassification(n, d, 10.0),
        "regression alone": RegressionAlone,
        "ML2 + 3 regression (ML2+)": ML2PlusLoss,
    }
    settings = FitSettings()
    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    targets, normal = nih_targets(rows)
    abnormal = targets.any(axis=1)
    _, patients = np.unique([row["patient_id"] for row in rows], return_inverse=True)
    model = untrained_model(settings.backbone, settings.dim, settings.image_size)
    features = feature_views(model, pixels, np.arange(len(rows)))[0]
    dropped = targets * (np.random.default_rng(0).random(targets.shape) >= 0.3)
    for noise, taught in (("labels as they are", targets), ("30 % dropped", dropped)):
        # An exam all of whose findings were dropped reads as normal.
        taught_normal = normal | (taught.sum(axis=1) == 0)
        found = {name: np.full((seeds, len(rows)), np.nan) for name in forms}
        for train, held_out in patient_folds(patients, 5):
            for name, values in found.items():
                for seed in range(seeds):
                    torch.manual_seed(seed)
                    head = train_head(
                        features[train],
                        taught[train],
                        taught_normal[train],
                        FitSettings(seed=seed),
                        forms[name](targets.shape[1], settings.dim),
                    )
                    values[seed, held_out] = query_measures(
                        head.embed(features[held_out]),
                        targets[held_out] >= 1,
                        normal[held_out],
                        held_out,
                        patients[held_out],
                    )["nDCG@10"]
        print(f"\n{noise}\n\n| form | nDCG@10 | abnormal queries | difference from ML2 |")
        print("| --- | --- | --- | --- |")
        base = found["ML2 alone"].mean(axis=0)
        for name, values in found.items():
            mean = values.mean(axis=0)
            low, high = mean_interval(mean, patients)
            paired = paired_difference_interval(mean, base, patients)
            difference = "" if name == "ML2 alone" else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*paired)
            print(
                f"| {name} | {np.nanmean(mean):.3f} [{low:.3f}, {high:.3f}] | "
                f"{np.nanmean(mean[abnormal]):.3f} | {difference} |",
                flush=True,
            )


if __name__ == "__main__":
    if "RADSIM_DATA" not in os.environ:
        sys.exit("RADSIM_DATA does not name the folder of the measuring data")
    ensure_allocator()
    main()
