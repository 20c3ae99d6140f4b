"""`radsim compare`: which loss gives the best similarity on these images."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import StageDisplay, figure_table, output_console

DEFAULT_LOSSES = (
    "ml2plus,ml2,bce,supcon,npair,npair_ovo,multi_similarity,lifted,proxy_anchor,"
    "contrastive,triplet_semihard,triplet_hard"
)
DEFAULT_OUT = Path("radsim-comparison")


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(compare))


def compare(
    losses: Annotated[
        str,
        typer.Option("--losses", help="Losses, by commas; differences are from the first."),
    ] = DEFAULT_LOSSES,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings of each fold.")] = 3,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds by patient.")] = 5,
    out: Annotated[
        Path, typer.Option("--out", help="Folder for the table (CSV, Markdown) and plot (PNG).")
    ] = DEFAULT_OUT,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Compare losses at equal budgets by cross-validation over all images of the manifest."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.comparison import compare as compare_losses
    from pipeline.comparison import shown_row, write_comparison

    named = [name.strip() for name in losses.split(",") if name.strip()]
    with StageDisplay() as display:
        found = compare_losses(settings, named, seeds, folds, display.progress_for("compare"))
    rows = found.table()
    console = output_console()
    console.print(figure_table([shown_row(row) for row in rows]))
    notes = [
        f"{len(found.exams.targets):,} images of {len(set(found.exams.patients)):,} patients in "
        f"{folds} folds by patient, {seeds} seeds, equal budgets; an image's gallery is its fold "
        "without its patient",
        f"intervals are 95 % bootstrap intervals by patient; difference: nDCG@10 less that of "
        f"{named[0]} on the same queries",
    ]
    for line in (*notes, *(f"wrote {file}" for file in write_comparison(rows, out))):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
