"""Do exams without a report help? Heads on NIH radiographs of which few are labelled.

    RADSIM_DATA=FOLDER OMP_NUM_THREADS=1 python -m tests.benchmarks.semi_supervised [--seeds 2]

Five folds by patient over all 1,199 images, frozen features of the default network. Of the
training patients 10, 25, 50 and 100 % keep their labels; the held-out fold is judged by nDCG@10,
leave-one-out, without the query's patient. Compared on the same queries, with intervals by patient:

- `labelled only`: a head trained on the labelled exams;
- `pseudo labels`: the unlabelled ones join with labels guessed from their neighbours;
- `composite kernel`: the labelled-only head's embedding, the frozen features, predicted labels and
  age, sex and view, as cosines whose non-negative weights are learned by alignment on the labelled
  exams; nothing is trained again;
- `the same, no metadata`: without age, sex and view.

Heads take the same number of steps whether 10 or 80 % of the exams have labels.

All settings are defaults, none was chosen by these figures. Intervals are of the queries' patients,
each query's value being its mean over seeds; how often a way was better among folds and seeds, each
with labelled patients of its own, tells what the draw of these does. The second table says how
many unlabelled exams got a label and how often normal or abnormal was guessed right.
"""

import argparse
import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from training.allocator import ensure_allocator

SHARES = (0.1, 0.25, 0.5, 1.0)
NAMES = (
    "labelled only",
    "pseudo labels",
    "composite kernel",
    "the same, no metadata",
)


def trained_heads(
    features: np.ndarray,
    train: np.ndarray,
    told: np.ndarray,
    told_normal: np.ndarray,
    settings: Any,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Embeddings of all rows by each head; what is known or guessed of the rows of `train`.

    `told` is NaN where a row is not labelled. The heads of `train_with_unlabelled` with one round,
    taken apart so that the first is trained once.
    """
    from training.head_training import train_head
    from training.pseudo_labels import is_unlabelled, pseudo_labels

    def embedded(targets: np.ndarray, normals: np.ndarray, chosen: Any) -> np.ndarray:
        kept = ~is_unlabelled(targets, normals)
        head = train_head(features[train][kept], targets[kept], normals[kept], chosen)
        return head.embed(features)

    known, normals = told[train], told_normal[train]
    made = {"labelled only": embedded(known, normals, settings)}
    guessed, guessed_normal = pseudo_labels(made["labelled only"][train], known, normals)
    if is_unlabelled(known, normals).any():
        again = dataclasses.replace(settings, seed=settings.seed + 1)
        made["pseudo labels"] = embedded(guessed, guessed_normal, again)
    return made, guessed, guessed_normal


def show(found: dict[Any, np.ndarray], folds: list[np.ndarray], patients: np.ndarray) -> None:
    """Print the table of nDCG@10 and of differences."""
    from training.bootstrap import mean_interval, paired_difference_interval

    print("| labelled | way | nDCG@10 | vs labelled only | better in |")
    print("| --- | --- | --- | --- | --- |")
    for share in SHARES:
        for name in NAMES:
            each = found[share, name]
            if np.isnan(each).all():
                continue
            mean = each.mean(axis=0)
            cells = ["{:.3f} [{:.3f}, {:.3f}]".format(
                np.nanmean(mean), *mean_interval(mean, patients)
            )]  # fmt: skip
            base = found[share, NAMES[0]]
            if name != NAMES[0]:
                less = paired_difference_interval(mean, base.mean(axis=0), patients)
                better = [np.nanmean(e[f] - o[f]) > 0
                          for e, o in zip(each, base, strict=True) for f in folds]  # fmt: skip
                cells += [
                    "{:+.3f} [{:+.3f}, {:+.3f}]".format(*less),
                    f"{sum(better)} of {len(better)}",
                ]
            print(f"| {share:.0%} | {name} | {' | '.join([*cells, '', ''][:3])} |", flush=True)


def main() -> None:
    """Train, measure, print."""
    from tests.benchmarks.nih_images import nih_targets, read_nih
    from training import untrained_model
    from training.composite_kernel import fit_composite_kernel, predicted_labels
    from training.cross_validation import patient_folds
    from training.evaluate import query_measures
    from training.feature_views import feature_views
    from training.fit_settings import FitSettings
    from training.head_training import feature_scale
    from training.pseudo_labels import is_unlabelled

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    seeds = parser.parse_args().seeds
    started = time.perf_counter()
    settings = FitSettings()
    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    targets, normal = nih_targets(rows)
    _, patients = np.unique([row["patient_id"] for row in rows], return_inverse=True)
    model = untrained_model(settings.backbone, settings.dim, settings.image_size)
    features = feature_views(model, pixels, np.arange(len(rows)))[0]
    print(f"features {features.shape} in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    # Bands of twenty years, sex, view: each an indicator, the cosine the share that agrees.
    told_of = [(min(int(r["age"]) // 20, 4), r["sex"], r["view"]) for r in rows]
    metadata = np.concatenate(
        [np.array(column)[:, None] == np.unique(column) for column in zip(*told_of, strict=True)],
        axis=1,
    ).astype(np.float64)
    learned: dict[Any, list[dict[str, float]]] = {}
    empty = np.full((seeds, len(rows)), np.nan)
    found = {(share, name): empty.copy() for share in SHARES for name in NAMES}
    # Of the unlabelled: how many got a label, how many of these are rightly (ab)normal, and how
    # many would be if all were taken for what most labelled exams are.
    worth: dict[float, list[tuple[float, float, float]]] = {share: [] for share in SHARES[:-1]}
    folds = patient_folds(patients, 5)
    for number, (train, held_out) in enumerate(folds):
        mean, std = feature_scale(features[train])
        for seed in range(seeds):
            order = np.random.default_rng([seed, number]).permutation(np.unique(patients[train]))
            for share in SHARES:
                named = order[: max(2, round(share * len(order)))]
                labelled = train[np.isin(patients[train], named)]
                told, told_normal = np.full_like(targets, np.nan), np.zeros_like(normal)
                told[labelled], told_normal[labelled] = targets[labelled], normal[labelled]
                chosen = dataclasses.replace(settings, seed=10 * number + 2 * seed)
                made, guessed, guessed_normal = trained_heads(
                    features, train, told, told_normal, chosen
                )
                if share < 1.0:
                    asked = is_unlabelled(told, told_normal)[train]
                    got = asked & ~is_unlabelled(guessed, guessed_normal)
                    right = (guessed_normal == normal[train])[got]
                    usual = normal[labelled].mean() > 0.5
                    worth[share].append(
                        (
                            got.sum() / asked.sum(),
                            right.mean(),
                            (normal[train][got] == usual).mean(),
                        )
                    )
                base = made["labelled only"]
                sources = {
                    "head": base,
                    "features": (features - mean) / std,
                    "guessed": predicted_labels(base, labelled, targets, normal),
                }
                judged = {name: whole[held_out] for name, whole in made.items()}
                for name, several in zip(
                    NAMES[2:], ({**sources, "metadata": metadata}, sources), strict=True
                ):
                    kernel = fit_composite_kernel(
                        {key: source[labelled] for key, source in several.items()},
                        targets[labelled],
                        normal[labelled],
                    )
                    learned.setdefault((share, name), []).append(kernel.weights)
                    judged[name] = kernel.embed(
                        {key: source[held_out] for key, source in several.items()}
                    )
                for name, mine in judged.items():
                    measured = query_measures(
                        mine, targets[held_out] >= 1, normal[held_out],
                        held_out, patients[held_out], ks=(10,),
                    )  # fmt: skip
                    found[share, name][seed, held_out] = measured["nDCG@10"]
        print(f"fold {number + 1}, {time.perf_counter() - started:.0f} s", file=sys.stderr)
    show(found, [held_out for _, held_out in folds], patients)
    print("\n| labelled | unlabelled given a label | rightly (ab)normal | by the usual one |")
    print("| --- | --- | --- | --- |")
    for share, each in worth.items():
        given, right, usual = np.mean(each, axis=0)
        print(f"| {share:.0%} | {given:.0%} | {right:.0%} | {usual:.0%} |")
    print("\nmean weights of the kernels")
    for (share, name), weights in learned.items():
        mean_weights = {key: np.mean([w[key] for w in weights]) for key in weights[0]}
        shown = ", ".join(f"{key} {weight:.2f}" for key, weight in mean_weights.items())
        print(f"{share:.0%} {name}: {shown}")
    print(f"\n{seeds} seeds, {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    if "RADSIM_DATA" not in os.environ:
        sys.exit("RADSIM_DATA does not name the folder of the measuring data")
    ensure_allocator()
    main()
