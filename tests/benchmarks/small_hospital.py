"""A small hospital whose deliveries hold what real ones do; the fault benchmarks run its road.

The first delivery: 200 reports, among them rows told twice, an exam told in two ways, rows without
text or id, and 60 radiographs, one of them broken and one that nobody claims. The second: amended,
retracted and new reports, a mended one, new images, and one image drawn anew.
"""

import csv
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.settings import Settings
from pipeline.settings_file import load_settings

REPORTS = 200
IMAGES = 60
TEXTS = (
    "Large right pleural effusion. Heart size is normal.",
    "The lungs are clear. Heart size is normal. No pleural effusion.",
    "Cardiomegaly with small bilateral effusions. No pneumothorax.",
    "Possible left lower lobe pneumonia. No effusion.",
    "No acute cardiopulmonary abnormality.",
)
# Every image has this time of change, so that the index sees the same files in every road.
DRAWN_AT = 1_700_000_000


def deliver(site: Path, number: int) -> None:
    """Write delivery 1 or 2 into the site's folder ``delivery`` in place of what is there."""
    folder = site / "delivery"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = _first_reports()
    exams = list(range(IMAGES))
    if number == 2:
        rows = _second_reports(rows)
        exams += range(REPORTS, REPORTS + 6)
    with (folder / "reports.csv").open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["exam_id", "text", "patient", "status"])
        writer.writerows(rows)
    lines = ["path,exam_id,patient_id,view"]
    for exam in exams:
        _draw(
            folder / "images" / f"X{exam:03d}.png", exam, seed=exam + 1000 * (exam == number == 2)
        )
        lines.append(f"X{exam:03d}.png,E{exam:03d},P{exam // 2:03d},PA")
    broken = folder / "images" / "broken.png"
    broken.write_bytes((folder / "images" / "X001.png").read_bytes()[:60])
    lines.append(f"broken.png,E{IMAGES},P{IMAGES // 2:03d},PA")
    _draw(folder / "images" / "unclaimed.png", 0, seed=77)
    os.utime(broken, (DRAWN_AT, DRAWN_AT))
    (folder / "images.csv").write_text("\n".join(lines), encoding="utf-8")


def road_settings(site: Path, **sections: dict[str, Any]) -> Settings:
    """Return settings under which every stage runs, a short training of the whole network too."""
    delivery = site / "delivery"
    given: dict[str, dict[str, Any]] = {
        "lake": {"root": str(site / "lake")},
        "reports": {
            "path": delivery / "reports.csv",
            "patient_id": "patient",
            "status": "status",
        },
        "images": {"path": delivery / "images", "list_file": delivery / "images.csv"},
        "cache": {"size": 48},
        "manifest": {"scheme": "nih14", "train": 0.5, "val": 0.2, "test": 0.3},
        "train": {
            "backbone": "efficientnet_lite0",
            "loss": "ml2",
            "image_size": 32,
            "dim": 8,
            "head_epochs": 3,
            "finetune_epochs": 1,
            "batch_size": 16,
        },
        "evaluate": {"k": 5, "resamples": 100},
        "engine": {"workers": 1},
    }
    for section, values in sections.items():
        given[section] = {**given.get(section, {}), **values}
    return load_settings(None, given)


def _text(exam: int) -> str:
    # Images of even exams are drawn with an effusion: their reports tell of one.
    return TEXTS[0] if exam % 2 == 0 else TEXTS[1 + exam // 2 % 4]


def _first_reports() -> list[list[str]]:
    rows = [[f"E{n:03d}", _text(n), f"P{n // 2:03d}", "final"] for n in range(REPORTS - 12)]
    rows += rows[3:8]  # told twice, word for word
    rows += [["E190", TEXTS[0], "P095", "final"], ["E190", TEXTS[1], "P095", "final"]]
    rows += [["E191", "", "P095", "final"], ["E192", " ", "P096", "final"], ["", TEXTS[0], "", ""]]
    return [*rows, ["E193", TEXTS[3], "P096", "preliminary"], ["E194", TEXTS[4], "P097", "final"]]


def _second_reports(first: list[list[str]]) -> list[list[str]]:
    rows = [list(row) for row in first]
    for exam in (1, 3, 11, 21, 40, 70, 100):
        rows[exam][1:] = [TEXTS[2], rows[exam][2], "amended"]
    for exam in (5, 80):
        rows[exam][3] = "retracted"
    rows = [row for row in rows if row[0] != "E190"] + [["E190", TEXTS[0], "P095", "amended"]]
    fresh = range(REPORTS, REPORTS + 6)
    rows += [[f"E{n:03d}", _text(n), f"P{n // 2:03d}", "final"] for n in fresh]
    return [*rows, ["E300", "", "P150", "final"]]


def _draw(file: Path, exam: int, *, seed: int) -> None:
    """Draw a grey square, its lower half bright for an effusion."""
    noise = np.random.default_rng(seed).integers(0, 60, (48, 48))
    if exam % 2 == 0:
        noise[24:] += 150
    Image.fromarray(noise.astype(np.uint8)).save(file)
    drawn = DRAWN_AT + seed
    os.utime(file, (drawn, drawn))
