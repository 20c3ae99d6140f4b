"""The NIH radiographs of the measuring data, with their labels."""

import csv
from pathlib import Path

import numpy as np

CLASSES = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
    "No_Finding",
]


def read_nih(folder: Path) -> tuple[np.ndarray, list[dict[str, str]]]:
    """Return the pixels uint8 `(n, 256, 256)` and the rows of the label file."""
    from PIL import Image

    with open(folder / "labels.csv", newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return np.stack([np.asarray(Image.open(folder / r["image"]).convert("L")) for r in rows]), rows


def nih_states(rows: list[dict[str, str]]) -> np.ndarray:
    """Return the label states int8 `(n, 15)` of the rows, 1 or 0."""
    return np.array([[int(row[name]) for name in CLASSES] for row in rows], dtype=np.int8)


def nih_targets(rows: list[dict[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return training targets `(n, 14)` and which exams are normal."""
    from training import training_targets

    return training_targets(nih_states(rows), CLASSES, "No_Finding")
