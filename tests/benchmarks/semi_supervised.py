"""Do exams without a report help? Heads on NIH radiographs of which few are labelled.

    RADSIM_DATA=FOLDER OMP_NUM_THREADS=1 python -m tests.benchmarks.semi_supervised [--seeds 2]

Five folds by patient over all 1,199 images, frozen features of the default network. Of the
training patients 10, 25, 50 and 100 % keep their labels; the held-out fold is judged by nDCG@10,
leave-one-out, without the query's patient. Compared on the same queries, with intervals by patient:

- `labelled only`: a head trained on the labelled exams;
- `as many steps`: the same with as many steps as `pseudo labels` takes, since a head that sees more
  exams also takes more steps in as many epochs: what longer training alone does;
- `pseudo labels`: the unlabelled ones join with labels guessed from their neighbours;
- `composite kernel`: the labelled-only head's embedding, the frozen features, the labels guessed
  from neighbours and age with sex, as kernels weighed by the labelled pairs, over all training
  exams; the network is not trained again;
- `the same without age, sex`: what of that does not come of age and sex, which no head is told;
- `aligned kernels`: the head's embedding, the frozen features, predicted labels and age, sex and
  view, as cosines whose non-negative weights are learned by alignment on the labelled exams;
- `aligned, no metadata`: the same without age, sex and view.

`--adjusted-only` leaves out the heads of `as many steps` and `pseudo labels` and 100 % labelled.

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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from training.allocator import ensure_allocator

SHARES = (0.1, 0.25, 0.5, 1.0)
NAMES = (
    "labelled only",
    "as many steps",
    "pseudo labels",
    "composite kernel",
    "the same without age, sex",
    "aligned kernels",
    "aligned, no metadata",
)
PAIRS = 20_000


def label_pairs(
    targets: np.ndarray, normal: np.ndarray, rows: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Drawn pairs of labelled exams that share most of their labels, or nothing."""
    from training.label_similarity import distinct_label_sets

    sets = distinct_label_sets(targets[rows] >= 1, normal[rows])
    drawn = rng.integers(0, len(rows), (PAIRS, 2))
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    similarity = sets.similarity[sets.codes[drawn[:, 0]], sets.codes[drawn[:, 1]]]
    return rows[drawn[similarity >= 0.5]], rows[drawn[similarity == 0]]


def composite(
    sources: dict[str, np.ndarray],
    rows: np.ndarray,
    train: np.ndarray,
    similar: np.ndarray,
    dissimilar: np.ndarray,
) -> np.ndarray:
    """Embeddings of `rows` by a composite kernel of the sources over the training rows."""
    from training.composite_kernel import (
        CompositeKernel,
        cosine_kernel,
        gaussian_kernel,
        overlap_kernel,
    )

    kinds: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "head": cosine_kernel,
        "features": cosine_kernel,
        "guessed": overlap_kernel,
        "metadata": partial(gaussian_kernel, width=1.0),
    }

    def kernels(asked: np.ndarray) -> list[np.ndarray]:
        return [kinds[name](source[asked], source[train]) for name, source in sources.items()]

    place = np.full(len(sources["head"]), -1)
    place[train] = np.arange(len(train))
    found = CompositeKernel.fit(kernels(train), place[similar], place[dissimilar])
    return found.embed(kernels(rows))


def steps_an_epoch(n_exams: int, settings: Any) -> int:
    """As `balanced_batches` makes them."""
    return max(1, round(n_exams / min(settings.head_batch_size, n_exams)))


def trained_heads(
    features: np.ndarray,
    train: np.ndarray,
    told: np.ndarray,
    told_normal: np.ndarray,
    settings: Any,
    first_only: bool,
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
    n_first = int((~is_unlabelled(known, normals)).sum())
    n_second = int((~is_unlabelled(guessed, guessed_normal)).sum())
    if n_second > n_first and not first_only:
        again = dataclasses.replace(settings, seed=settings.seed + 1)
        more = steps_an_epoch(n_second, settings) / steps_an_epoch(n_first, settings)
        longer = dataclasses.replace(again, head_epochs=round(settings.head_epochs * more))
        made["as many steps"] = embedded(known, normals, longer)
        made["pseudo labels"] = embedded(guessed, guessed_normal, again)
    return made, guessed, guessed_normal


def show(found: dict[Any, np.ndarray], folds: list[np.ndarray], patients: np.ndarray) -> None:
    """Print the table of nDCG@10 and of differences."""
    from training.bootstrap import mean_interval, paired_difference_interval

    print("| labelled | way | nDCG@10 | vs labelled only | better in | vs as many steps |")
    print("| --- | --- | --- | --- | --- | --- |")
    for share in SHARES:
        for name in NAMES:
            each = found[share, name]
            if np.isnan(each).all():
                continue
            mean = each.mean(axis=0)
            cells = ["{:.3f} [{:.3f}, {:.3f}]".format(
                np.nanmean(mean), *mean_interval(mean, patients)
            )]  # fmt: skip
            for base in NAMES[:2]:
                other = found[share, base]
                if np.isnan(other).all() or NAMES.index(name) <= NAMES.index(base):
                    cells += ["", ""]
                    continue
                less = paired_difference_interval(mean, other.mean(axis=0), patients)
                better = [np.nanmean(e[f] - o[f]) > 0
                          for e, o in zip(each, other, strict=True) for f in folds]  # fmt: skip
                cells += [
                    "{:+.3f} [{:+.3f}, {:+.3f}]".format(*less),
                    f"{sum(better)} of {len(better)}",
                ]
            print(f"| {share:.0%} | {name} | {' | '.join(cells[:4])} |", flush=True)


def main() -> None:
    """Train, measure, print."""
    from tests.benchmarks.nih_training import CLASSES, read_nih
    from training import training_targets, untrained_model
    from training.aligned_kernel import fit_composite_kernel, predicted_labels
    from training.cross_validation import patient_folds
    from training.evaluate import query_measures
    from training.feature_views import feature_views
    from training.fit_settings import FitSettings
    from training.head_training import feature_scale
    from training.pseudo_labels import is_unlabelled

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--adjusted-only", action="store_true")
    asked_for = parser.parse_args()
    seeds, adjusted_only = asked_for.seeds, asked_for.adjusted_only
    started = time.perf_counter()
    settings = FitSettings()
    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    states = np.array([[int(row[name]) for name in CLASSES] for row in rows], dtype=np.int8)
    targets, normal = training_targets(states, CLASSES, "No_Finding")
    _, patients = np.unique([row["patient_id"] for row in rows], return_inverse=True)
    model = untrained_model(settings.backbone, settings.dim, settings.image_size)
    features = feature_views(model, pixels, np.arange(len(rows)))[0]
    print(f"features {features.shape} in {time.perf_counter() - started:.0f} s", file=sys.stderr)
    metadata = np.array([[float(r["age"]) / 15, 2.0 * (r["sex"] == "M")] for r in rows])
    # Bands of twenty years, sex, view: each an indicator, the cosine the share that agrees.
    told_of = [(min(int(r["age"]) // 20, 4), r["sex"], r["view"]) for r in rows]
    agreeing = np.concatenate(
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
            rng = np.random.default_rng([seed, number])
            order = rng.permutation(np.unique(patients[train]))
            for share in SHARES[:-1] if adjusted_only else SHARES:
                named = order[: max(2, round(share * len(order)))]
                labelled = train[np.isin(patients[train], named)]
                told, told_normal = np.full_like(targets, np.nan), np.zeros_like(normal)
                told[labelled], told_normal[labelled] = targets[labelled], normal[labelled]
                chosen = dataclasses.replace(settings, seed=10 * number + 2 * seed)
                made, guessed, guessed_normal = trained_heads(
                    features, train, told, told_normal, chosen, adjusted_only
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
                pairs = label_pairs(targets, normal, labelled, rng)
                judged = {name: whole[held_out] for name, whole in made.items()}
                for name, several in zip(
                    NAMES[3:5], ({**sources, "metadata": metadata}, sources), strict=True
                ):
                    judged[name] = composite(several, held_out, train, *pairs)
                for name, several in zip(
                    NAMES[5:], ({**sources, "metadata": agreeing}, sources), strict=True
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
    print("\nmean weights of the aligned kernels")
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
