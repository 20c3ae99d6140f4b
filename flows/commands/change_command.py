"""`radsim change`: what is new, gone or the same since the patient's exam before."""

from typing import Annotated, Any

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import figure_table, output_console

NONE = "none"


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(change))


def change(
    exam: Annotated[str, typer.Argument(metavar="EXAM_ID", help="An exam of the lake.")],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="EXAM_ID",
            help="The earlier exam; the same patient's last one before, by default.",
        ),
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Show what is new, gone or the same since the patient's exam before, with scores."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.change import change as find_change

    found = find_change(settings, exam, against)
    console = output_console()

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    say(f"exam {found.exam_id} against {found.against} ({found.how}), by model {found.model_id}")
    for note in found.notes:
        say(f"  {note}")
    for kind in ("new", "gone", "same", "uncertain"):
        say(f"{kind}: {', '.join(getattr(found, kind)) or NONE}")
    say(f"amount: {found.amount:.3f} (cosine distance)")
    for row in found.scores:
        say(f"  above {row['score']:.0%} of {row['pairs']:,} pairs of {row['null']}")
    rows: list[dict[str, Any]] = found.findings
    console.print(figure_table(rows))
