"""Comparing losses on the images of a lake's manifest."""

import csv
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.csv_cells import plain_row
from pipeline.lake import Lake
from pipeline.manifest_images import manifest_images
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, silent
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from training.comparison import Comparison
    from training.fit_settings import FitSettings


def compare(
    settings: Settings,
    losses: list[str],
    n_seeds: int = 3,
    n_folds: int = 5,
    progress: Progress = silent,
) -> "Comparison":
    """Train each loss on folds by patient of all the manifest's images, whatever their split.

    Options of the settings' own loss apply to that loss alone; the others have their defaults.

    Raises
    ------
    UserError
        An unknown loss, too few patients, no manifest or pixels; or weights that were trained on
        NIH images while images of that collection judge.
    """
    from training import evaluation_labels, training_targets
    from training.backbones import names_nih_weights
    from training.comparison import ComparedExams, compare_losses
    from training.evaluate import group_codes
    from training.losses.by_name import LOSSES

    unknown = [name for name in losses if name not in LOSSES]
    if unknown:
        raise UserError(f"no loss named {unknown[0]!r}; known: {', '.join(LOSSES)}")
    from_nih = "nih" in (settings.label_file.format, settings.images.list_format)
    if from_nih and names_nih_weights(settings.train.backbone):
        raise UserError(
            f"the weights of {settings.train.backbone} were trained on NIH images; a comparison "
            "on NIH images would be judged on what they have seen: choose another [train] backbone"
        )
    images = manifest_images(Lake.of(settings), settings)
    told = images.told
    scheme = (told["classes"], told["normal_class"], told["device_classes"])
    targets, normal = training_targets(images.states, *scheme, settings.train.uncertain)
    labels, _, _ = evaluation_labels(images.states, *scheme)
    exams, patients = group_codes(list(images.rows["exam_id"]), list(images.rows["patient_id"]))
    compared = ComparedExams(images.pixels, targets, labels, normal, exams, patients)
    try:
        return compare_losses(
            compared,
            {name: _settings_for(name, settings) for name in losses},
            range(n_seeds),
            n_folds,
            progress,
        )
    except ValueError as error:
        raise UserError(f"compare: {error}") from None


def _settings_for(loss: str, settings: Settings) -> "FitSettings":
    from training import FitSettings

    named = {field.name for field in dataclasses.fields(FitSettings)}
    chosen = {k: v for k, v in settings.train.model_dump().items() if k in named}
    if loss != settings.train.loss:
        chosen["loss_options"] = {}
    return FitSettings(**{**chosen, "loss": loss})


def write_comparison(rows: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Write the table as CSV and Markdown and the plot as PNG; return the files.

    Raises `UserError` when the folder cannot be written.
    """
    from training.comparison_plot import plot_comparison

    files = [folder / f"comparison.{ending}" for ending in ("csv", "md", "png")]
    shown = [shown_row(row) for row in rows]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(files[0], "w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(shown[0]))
            writer.writeheader()
            writer.writerows(map(plain_row, shown))
        lines = [" | ".join(shown[0]), " | ".join("---" for _ in shown[0])]
        lines += [" | ".join(row.values()) for row in shown]
        files[1].write_text("".join(f"| {line} |\n" for line in lines), encoding="utf-8")
        plot_comparison(rows, files[2])
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
    return files


def shown_row(row: dict[str, Any]) -> dict[str, str]:
    """Return a row of `Comparison.table` as text: value [low, high]."""
    shown = {}
    for name, value in row.items():
        if name == "seeds":
            shown[name] = f"{value[0]:.3f} to {value[1]:.3f}"
        elif name == "difference":
            is_reference = row["verdict"] == "reference"
            shown[name] = "" if is_reference else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*value)
        elif isinstance(value, tuple):
            shown[name] = "{:.3f} [{:.3f}, {:.3f}]".format(*value)
        else:
            shown[name] = str(value)
    return shown
