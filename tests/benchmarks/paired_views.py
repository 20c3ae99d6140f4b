"""Measure cross-view and text retrieval of the own exam on the NIH radiographs.

    RADSIM_DATA=FOLDER python -m tests.benchmarks.paired_views

The collection has no lateral views. Three pairings stand in for what it lacks:

PA and AP of one patient (55 queries; other days, often other disease): few, and no true pair.
Left and right half of one radiograph: no views either, but as many pairs as images, so that it
shows whether the stems learn correspondence when there is enough of it.
Image and the text of its NIH labels (hashed words): the gallery are the distinct label texts of
the fold. «No Finding» is 38 % of the queries, hence a row that names the most frequent first.

Stems are trained on frozen features (EfficientNet-Lite0) and measured on the other patients, five
folds by patient; each figure is a mean over all folds' queries with its 95 % interval by patient.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks.nih_images import nih_targets, read_nih
from training.allocator import ensure_allocator

FOLDS = 5
KS = (1, 5, 10)


def raw_features(pixels: np.ndarray, size: int, n_views: int) -> np.ndarray:
    """Return frozen features `(n_views, n, 1280)`, view 0 of the images as they are."""
    import torch

    from training import untrained_model
    from training.augmentation import Augmentation
    from training.embed import load_images, load_pixels

    model = untrained_model(image_size=size).eval().to(memory_format=torch.channels_last)
    vary, generator = Augmentation(), torch.Generator().manual_seed(0)
    views = []
    for view in range(n_views):
        parts = []
        for rows in np.array_split(np.arange(len(pixels)), len(pixels) // 64):
            if view == 0:
                images = load_images(pixels, rows, model)
            else:
                images = vary(load_pixels(pixels, rows), size, generator)
            with torch.inference_mode():
                images = images.contiguous(memory_format=torch.channels_last)
                parts.append(model.backbone(images).numpy())
        views.append(np.concatenate(parts))
    return np.stack(views)


def unit(rows: np.ndarray) -> np.ndarray:
    """Bring rows to unit length."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shrunk(pixels: np.ndarray, size: int) -> np.ndarray:
    """Resize images with antialiasing, uint8 `(n, size, size)`."""
    from PIL import Image

    box = (size, size)
    return np.stack([np.asarray(Image.fromarray(x).resize(box, Image.BILINEAR)) for x in pixels])


class Table:
    """Recall of each method, gathered fold by fold."""

    def __init__(self) -> None:
        self.parts: dict[str, list[tuple[dict[str, np.ndarray], np.ndarray]]] = {}

    def add(self, method: str, found: dict[str, np.ndarray], patients: np.ndarray) -> None:
        self.parts.setdefault(method, []).append((found, patients))

    def show(self, title: str) -> None:
        from training.bootstrap import mean_interval

        print(f"\n{title}\n\n| | recall@1 | recall@5 | recall@10 | queries |")
        print("|---|---|---|---|---|")
        for method, parts in self.parts.items():
            patients = np.concatenate([owners for _, owners in parts])
            cells = []
            for k in KS:
                values = np.concatenate([found[f"recall@{k}"] for found, _ in parts])
                low, high = mean_interval(values, patients)
                cells.append(f"{np.nanmean(values):.3f} [{low:.3f}, {high:.3f}]")
            print(f"| {method} | {' | '.join(cells)} | {len(patients):,} |", flush=True)


def main() -> None:
    """Measure and print."""
    from training.image_agreement import local_correlation, mutual_information
    from training.own_recall import chance_recall, own_ranks, recall_at_k, recall_of_ranks
    from training.paired_embedding import PairedSettings, fit_paired
    from training.text_features import text_features

    started = time.perf_counter()
    pixels, rows = read_nih(Path(os.environ["RADSIM_DATA"]) / "nih")
    targets, normal = nih_targets(rows)
    patients = np.array([int(row["patient_id"]) for row in rows])
    view = np.array([row["view"] for row in rows])
    fold = np.random.default_rng(0).integers(0, FOLDS, patients.max() + 1)[patients]
    whole = raw_features(pixels, 224, 2)
    halves = [shrunk(half, 160) for half in np.split(pixels, 2, axis=2)]
    half_features = [raw_features(half, 160, 2) for half in halves]
    print(f"features: {time.perf_counter() - started:.0f} s", flush=True)
    folds = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]

    table, n_pairs = Table(), []
    small, tiny = shrunk(pixels, 64), shrunk(pixels, 32)
    for train, held_out in folds:
        shown = held_out[view[held_out] == "AP"]
        asked = held_out[(view[held_out] == "PA") & np.isin(patients[held_out], patients[shown])]
        ids = (patients[asked], patients[shown])
        plain = unit(whole[0])
        pairs = [
            (a, b)
            for a in train[view[train] == "PA"]
            for b in train[view[train] == "AP"]
            if patients[a] == patients[b]
        ]
        first, second = np.array(pairs).T
        paired = fit_paired(whole[:, first], whole[:, second], groups=patients[first])
        table.add("chance", chance_recall(*ids), ids[0])
        found = mutual_information(tiny[asked], tiny[shown], shift=1)
        table.add("mutual information", recall_of_ranks(own_ranks(found, *ids)), ids[0])
        found = local_correlation(small[asked], small[shown])
        table.add("local correlation", recall_of_ranks(own_ranks(found, *ids)), ids[0])
        table.add("cosine of features", recall_at_k(plain[asked], plain[shown], *ids), ids[0])
        found = (paired.first.embed(whole[0, asked]), paired.second.embed(whole[0, shown]))
        table.add("stems", recall_at_k(*found, *ids), ids[0])
        n_pairs.append(len(first))
    table.show(f"PA to AP of the same patient, {min(n_pairs)} to {max(n_pairs)} pairs to train on")

    table = Table()
    small = [shrunk(half, 64) for half in halves]
    tiny = [shrunk(half, 32) for half in halves]
    # The other half of the chest is the mirror image.
    small[1], tiny[1] = small[1][:, :, ::-1], tiny[1][:, :, ::-1]
    for train, held_out in folds:
        ids, owners = (held_out, held_out), patients[held_out]
        a, b = half_features
        paired = fit_paired(a[:, train], b[:, train], groups=patients[train])
        table.add("chance", chance_recall(*ids), owners)
        found = mutual_information(tiny[0][held_out], tiny[1][held_out], shift=0)
        table.add("mutual information", recall_of_ranks(own_ranks(found, *ids)), owners)
        found = local_correlation(small[0][held_out], small[1][held_out])
        table.add("local correlation", recall_of_ranks(own_ranks(found, *ids)), owners)
        found = (unit(a[0, held_out]), unit(b[0, held_out]))
        table.add("cosine of features", recall_at_k(*found, *ids), owners)
        found = (paired.first.embed(a[0, held_out]), paired.second.embed(b[0, held_out]))
        table.add("stems", recall_at_k(*found, *ids), owners)
    table.show("left half to right half of the same radiograph")

    texts = [row["finding_labels"].replace("|", ". ") for row in rows]
    _, codes = np.unique(texts, return_inverse=True)
    words = text_features(texts)
    trials = {
        "stems, own exam alone": PairedSettings(),
        "stems, labels share 0.5": PairedSettings(label_share=0.5),
        "stems, labels share 0.5, T = 0.3": PairedSettings(label_share=0.5, temperature=0.3),
    }
    tables = {name: Table() for name in ("all", "abnormal", "back")}
    for train, held_out in folds:
        shown, first = np.unique(codes[held_out], return_index=True)
        ids, owners = (codes[held_out], shown), patients[held_out]
        abnormal = ~normal[held_out]
        frequency = np.bincount(codes[train], minlength=codes.max() + 1)[shown]
        ranks = own_ranks(np.tile(frequency.astype(float), (len(held_out), 1)), *ids)
        found = {"chance": chance_recall(*ids), "most frequent first": recall_of_ranks(ranks)}
        tables["back"].add("chance", chance_recall(shown, codes[held_out]), shown)
        for name, settings in trials.items():
            paired = fit_paired(
                whole[:, train],
                words[train],
                settings,
                targets[train],
                normal[train],
                patients[train],
            )
            images = paired.first.embed(whole[0, held_out])
            labels = paired.second.embed(words[held_out][first])
            found[name] = recall_at_k(images, labels, *ids)
            back = recall_at_k(labels, images, shown, codes[held_out])
            tables["back"].add(name, back, shown)
        for name, values in found.items():
            tables["all"].add(name, values, owners)
            part = {measure: recall[abnormal] for measure, recall in values.items()}
            tables["abnormal"].add(name, part, owners[abnormal])
    tables["all"].show("image to the text of its labels, all images")
    tables["abnormal"].show("image to the text of its labels, abnormal images")
    tables["back"].show("text of labels to an image with exactly these (intervals by text)")
    print(f"\n{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    if "RADSIM_DATA" not in os.environ:
        sys.exit("RADSIM_DATA does not name the folder of the measuring data")
    ensure_allocator()
    main()
