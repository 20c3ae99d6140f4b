"""How losses bear noisy labels, on exams made for it; and what down-weighting uncertain ones gives.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.label_noise

Exams of 10 findings and normals; features are the sum of their findings' directions and noise. A
linear head is trained on spoilt labels and judged by nDCG@10 with the true ones on fresh exams, the
mean of 2 seeds.

- «flipped»: a share of the positive labels is dropped, and a tenth of that share of negatives set;
- «uncertain»: a share of all positive labels, and as many negative ones, is given as uncertain
  (0.5), as reports that hedge; the truth of these is a coin. Trained with pairs that rest on
  uncertain labels counting fully, and a quarter.
"""

from collections.abc import Iterator

import numpy as np

from training.allocator import ensure_allocator

FINDINGS, FEATURES, TRAIN, TEST, SEEDS = 10, 60, 800, 400, 2
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)


def exams(n: int, rng: np.random.Generator, directions: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return features, true labels and who is normal."""
    labels = (rng.random((n, FINDINGS)) < 0.12).astype(np.float32)
    labels[rng.random(n) < 0.25] = 0
    noise = 2.0 * rng.standard_normal((n, FEATURES))
    features = labels @ directions + noise
    return features.astype(np.float32), labels, labels.sum(axis=1) == 0


def flipped(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Drop a share of positives; set a tenth of that share of negatives."""
    drawn = rng.random(labels.shape)
    spoilt = np.where(labels > 0, drawn >= share, drawn < share / 10)
    return spoilt.astype(np.float32)


def hedged(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Give a share of positives, and as many negatives, as uncertain."""
    spoilt = labels.copy()
    positive, negative = np.flatnonzero(labels > 0), np.flatnonzero(labels == 0)
    count = round(share * len(positive))
    for places in (positive, negative):
        spoilt.reshape(-1)[rng.choice(places, count, replace=False)] = 0.5
    return spoilt


def trials() -> Iterator[tuple[str, str, float, float]]:
    """Yield (kind of noise, loss, weight of uncertain pairs, share)."""
    for share in SHARES:
        for loss in ("ml2", "ml2plus", "supcon", "bce"):
            yield "flipped", loss, 1.0, share
        for loss in ("ml2", "supcon"):
            for weight in (1.0, 0.25):
                yield "uncertain", loss, weight, share


def main() -> None:
    """Train, measure, print."""
    from training.evaluate import query_measures
    from training.fit_settings import FitSettings
    from training.head_training import train_head

    table: dict[tuple[str, str, float], list[float]] = {}
    for kind, loss, weight, share in trials():
        found = []
        for seed in range(SEEDS):
            rng = np.random.default_rng(seed)
            directions = 2.0 * rng.standard_normal((FINDINGS, FEATURES)) / np.sqrt(FINDINGS)
            features, labels, normal = exams(TRAIN, rng, directions)
            spoil = flipped if kind == "flipped" else hedged
            told = spoil(labels, share, rng)
            # An exam whose findings the report misses reads as normal.
            told_normal = (
                told.sum(axis=1) == 0 if kind == "flipped" else normal & (told == 0).all(1)
            )
            settings = FitSettings(
                dim=64,
                loss=loss,
                uncertain_weight=weight,
                head_epochs=150,
                feature_dropout=0.5,
                seed=seed,
            )
            head = train_head(features, told, told_normal, settings)
            fresh, truth, healthy = exams(TEST, rng, directions)
            rows = np.arange(TEST)
            measured = query_measures(head.embed(fresh), truth > 0, healthy, rows, rows)
            found.append(float(np.nanmean(measured["nDCG@10"])))
        table.setdefault((kind, loss, weight), []).append(float(np.mean(found)))
    print(f"{'noise':10} {'loss':8} {'weight':>6} " + " ".join(f"{s:>6.0%}" for s in SHARES))
    for (kind, loss, weight), row in table.items():
        print(f"{kind:10} {loss:8} {weight:6.2f} " + " ".join(f"{value:6.3f}" for value in row))


if __name__ == "__main__":
    ensure_allocator()
    main()
