"""Measure how embeddings tell change between consecutive NIH radiographs of a patient.

    RADSIM_DATA=FOLDER python -m tests.benchmarks.change_over_time [--seed 0]

Five folds by patient over all images: the head is trained on four folds (frozen features), its
directions of findings are fitted there, and the pairs of the fifth fold are judged. The order is
NIH's follow-up number; the collection at hand holds a part of each patient's images, so that
consecutive ones may lie several exams apart. Intervals are by patient, 95 %.
"""

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from tests.benchmarks.nih_images import CLASSES, nih_states, nih_targets, read_nih
from training.allocator import ensure_allocator

FOLDS = 5


def main() -> None:
    """Train, measure, print."""
    from training import (
        FitSettings,
        evaluation_labels,
        random_embedding,
        untrained_model,
    )
    from training.bootstrap import statistic_interval
    from training.change import change_amount, finding_directions, reacquisition_null
    from training.change_figures import ChangePairs, change_figures, change_pairs
    from training.embed import embed
    from training.fit import fit
    from training.normality import weighted_auc
    from training.reacquisition import varied_embeddings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    settings = FitSettings(finetune_epochs=0, **vars(parser.parse_args()))
    started = time.perf_counter()
    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    states = nih_states(rows)
    targets, normal = nih_targets(rows)
    labels, _, _ = evaluation_labels(states, CLASSES, "No_Finding")
    patients = np.array([int(row["patient_id"]) for row in rows])
    order = np.array([float(row["follow_up"]) for row in rows])
    exams = np.array([row["image_index"] for row in rows])
    views = np.array([row["view"] for row in rows])
    fold = np.random.default_rng(0).integers(0, FOLDS, patients.max() + 1)[patients]

    untrained = untrained_model(settings.backbone, settings.dim, settings.image_size)
    features = embed(untrained, pixels, kind="features")
    random = random_embedding(len(rows), settings.dim, settings.seed)
    parts: dict[str, list[ChangePairs]] = {"trained": [], "untrained": [], "chance": []}
    for k in range(FOLDS):
        train, held_out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        model = fit(pixels, targets, normal, patients, train, np.empty(0), settings).model
        for name, vectors in {
            "trained": embed(model, pixels),
            "untrained": features,
            "chance": random,
        }.items():
            parts[name].append(
                change_pairs(
                    vectors[held_out],
                    labels[held_out],
                    normal[held_out],
                    exams[held_out],
                    patients[held_out].tolist(),
                    order[held_out],
                    finding_directions(vectors[train], labels[train]),
                    views[held_out],
                )
            )
        print(f"fold {k + 1} of {FOLDS}: {time.perf_counter() - started:.0f} s", flush=True)
    pairs = {name: ChangePairs.joined(found) for name, found in parts.items()}

    members = [name for name in CLASSES if name != "No_Finding"]
    figures = {name: change_figures(found, members) for name, found in pairs.items()}
    print(
        f"\n| measure | over | {' | '.join(figures)} | n |\n|---|---|{'---|' * (len(figures) + 1)}"
    )
    for number, figure in enumerate(figures["trained"]):
        cells = [
            f"{f.value:.3f} [{f.low:.3f}, {f.high:.3f}]"
            for f in (found[number] for found in figures.values())
        ]
        print(f"| {figure.measure} | {figure.queries} | {' | '.join(cells)} | {figure.n_queries} |")

    known = pairs["trained"].known
    trained, plain = pairs["trained"].only(known), pairs["untrained"].only(known)
    aucs = [partial(weighted_auc, part.amounts, part.changed) for part in (trained, plain)]

    def difference(weights: np.ndarray) -> np.ndarray:
        return aucs[0](weights) - aucs[1](weights)

    low, high = statistic_interval(difference, trained.patients)
    value = float(difference(np.ones((1, len(trained.amounts))))[0])
    print(f"\ntrained − untrained AUC change: {value:.3f} [{low:.3f}, {high:.3f}]")

    sample = np.flatnonzero(fold == FOLDS - 1)[:128]
    # The last fold's model never saw these.
    null = reacquisition_null(varied_embeddings(model, pixels, sample, 4))
    amounts = {
        f"re-acquisitions ({len(sample)} exams, 4 copies)": null.values,
        "labels unchanged": trained.amounts[~trained.changed],
        "labels changed": trained.amounts[trained.changed],
    }
    strangers = np.random.default_rng(0).permutation(len(sample))
    unvaried = embed(model, pixels, sample)
    apart = change_amount(unvaried, unvaried[strangers])[strangers != np.arange(len(sample))]
    amounts["two patients at random"] = apart
    print("\n| amount (1 − cos), trained | n | median | 5 % | 95 % |\n|---|---|---|---|---|")
    for name, values in amounts.items():
        low, median, high = np.quantile(values, [0.05, 0.5, 0.95])
        print(f"| {name} | {len(values):,} | {median:.3f} | {low:.3f} | {high:.3f} |")
    print(f"\n{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    if "RADSIM_DATA" not in os.environ:
        sys.exit("RADSIM_DATA does not name the folder of the measuring data")
    ensure_allocator()
    main()
