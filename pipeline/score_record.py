"""All figures of a score as plain values, and the files they are written to. No text, no exams."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelers.agreement import MACRO, MEASURES, MICRO, STATES, Agreement
from pipeline.csv_cells import plain_row
from pipeline.scoring import Compared
from pipeline.user_error import UserError

STATE_NAMES = dict(zip(STATES, ("1", "0", "-1", "null"), strict=True))


@dataclass(frozen=True)
class Score:
    """What was measured.

    Attributes
    ----------
    compared
        Gold and labels side by side.
    by_setting
        Agreement by what uncertain states count as; the one that was asked for comes first.
    by_half
        Agreement of the halves under the first setting; empty where texts are not known.
    about
        Where gold and labels came from, by name.
    draws, seed
        Of the bootstrap.
    """

    compared: Compared
    by_setting: Mapping[str, Agreement]
    by_half: Mapping[str, Agreement]
    about: Mapping[str, Any] = field(default_factory=dict)
    draws: int = 1000
    seed: int = 0

    @property
    def uncertain(self) -> str:
        """The setting that was asked for."""
        return next(iter(self.by_setting))

    def record(self) -> dict[str, Any]:
        """Return every figure as values that JSON knows; an undefined figure is None."""
        compared = self.compared
        cells = compared.confusion()
        return {
            **self.about,
            "uncertain": self.uncertain,
            "exams": len(compared.exam_ids),
            "counts": dict(compared.counts),
            "not_scored": list(compared.not_scored),
            "averaged": [c for c, a in zip(compared.classes, compared.averaged, strict=True) if a],
            "bootstrap": {
                "draws": self.draws,
                "seed": self.seed,
                "unit": "exam" if compared.patients is None else "patient",
            },
            "settings": {name: _figures(found) for name, found in self.by_setting.items()},
            "halves": {name: _figures(found) for name, found in self.by_half.items()},
            "confusion": {name: _cells(cells[n]) for n, name in enumerate(compared.classes)},
            "hedged": {
                name: {"gold_positive": int(cells[n, 0, 2]), "all": int(cells[n, :, 2].sum())}
                for n, name in enumerate(compared.classes)
            },
        }


def write_score(score: Score, out: Path) -> list[Path]:
    """Write a score and return the files.

    A ``.json`` file gets all figures, a ``.csv`` file the table of figures, a folder score.json,
    figures.csv and confusion.csv.

    Raises
    ------
    UserError
        `out` cannot be written.
    """
    ending = out.suffix.lower()
    try:
        if ending in (".json", ".csv"):
            out.parent.mkdir(parents=True, exist_ok=True)
            (_write_json if ending == ".json" else _write_figures)(score, out)
            return [out]
        out.mkdir(parents=True, exist_ok=True)
        files = [out / "score.json", out / "figures.csv", out / "confusion.csv"]
        for write, file in zip((_write_json, _write_figures, _write_confusion), files, strict=True):
            write(score, file)
        return files
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or 'the disk refuses'})"
        ) from None


def _write_json(score: Score, file: Path) -> None:
    file.write_text(json.dumps(score.record(), indent=2) + "\n", encoding="utf-8")


def _write_figures(score: Score, file: Path) -> None:
    rows = []
    parts = [("all", *item) for item in score.by_setting.items()]
    parts += [(half, score.uncertain, found) for half, found in score.by_half.items()]
    for half, setting, found in parts:
        figures = _figures(found)
        for row in (*figures["classes"], figures["micro"], figures["macro"]):
            flat = {"half": half, "uncertain": setting, **row}
            for measure in MEASURES:
                interval = flat.pop(measure)
                flat[measure] = interval["value"]
                flat[f"{measure}_low"], flat[f"{measure}_high"] = interval["low"], interval["high"]
            rows.append(flat)
    _write_csv(file, rows)


def _write_confusion(score: Score, file: Path) -> None:
    cells = score.compared.confusion()
    _write_csv(
        file,
        [
            {"class": name, "gold": STATE_NAMES[gold], "labels": STATE_NAMES[said], "exams": exams}
            for n, name in enumerate(score.compared.classes)
            for gold, row in zip(STATES, cells[n].tolist(), strict=True)
            for said, exams in zip(STATES, row, strict=True)
        ],
    )


def _write_csv(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(plain_row, rows))


def _figures(found: Agreement) -> dict[str, Any]:
    names = (*found.classes, "micro", "macro")
    totals = found.outcomes[found.averaged].sum(axis=0)
    outcomes = [*found.outcomes, totals, totals]
    rows = [
        {
            "class": name,
            "gold_positive": int(tp + fn),
            "labels_positive": int(tp + fp),
            "exams": int(tp + fp + fn + tn),
            **{measure: _interval(figure[m]) for m, measure in enumerate(MEASURES)},
        }
        for name, (tp, fp, fn, tn), figure in zip(names, outcomes, found.figures, strict=True)
    ]
    return {"classes": rows[:MICRO], "micro": rows[MICRO], "macro": rows[MACRO]}


def _interval(figure: NDArray[np.float64]) -> dict[str, float | None]:
    values = [None if np.isnan(value) else round(float(value), 6) for value in figure]
    return dict(zip(("value", "low", "high"), values, strict=True))


def _cells(cells: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    return {
        STATE_NAMES[gold]: {
            STATE_NAMES[said]: int(exams) for said, exams in zip(STATES, row, strict=True)
        }
        for gold, row in zip(STATES, cells, strict=True)
        if row.any()
    }
