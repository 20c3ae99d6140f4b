"""Commands that ask and change nothing: explain, similar."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption, VocabularyOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import figure_table, output_console
from pipeline.user_error import UserError


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (explain, similar):
        app.command()(reporting_errors(command))


def explain(
    text: Annotated[str, typer.Argument(help="Report text; - reads it from standard input.")],
    scheme: Annotated[str, typer.Option("--scheme", help="Label scheme.")] = "chexpert14",
    vocabulary: VocabularyOption = None,
) -> None:
    """Show the mentions of a text, their assertions and cues, and the labels that follow."""
    if text == "-":
        text = sys.stdin.read()
    if not text.strip():
        raise UserError("no text to explain; give it in quotes, or - to read it from stdin")
    from labelers.explanation import explain as explanation
    from pipeline.labelling import label_scheme, rule_labeler

    chosen = label_scheme(scheme, vocabulary)
    labelling = rule_labeler(vocabulary).label(text)
    output_console().print(explanation(labelling, chosen), soft_wrap=True)


def similar(
    what: Annotated[
        str, typer.Argument(metavar="EXAM_ID|FILE", help="An exam of the lake, or an image file.")
    ],
    k: Annotated[int, typer.Option("--k", min=1, help="How many exams to show.")] = 10,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write a contact sheet (PNG) here.")
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Show the most similar past exams of an exam or a radiograph."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.similar import similar as find_similar

    found = find_similar(settings, what, k, out)
    console = output_console()
    console.print(f"{found.query}, by model {found.model_id}", markup=False, soft_wrap=True)
    columns = ("rank", "exam_id", "image_id", "distance", "labels")
    console.print(figure_table([{c: row[c] for c in columns} for row in found.neighbours]))
    if found.sheet is not None:
        console.print(f"contact sheet: {found.sheet}", markup=False, soft_wrap=True)
