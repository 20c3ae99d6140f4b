"""`radsim vacuum`: make a lake smaller."""

from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors, resumed_by
from flows.settings_request import settings_request
from flows.stage_display import StageDisplay


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(vacuum))


def vacuum(
    keep_days: Annotated[
        float,
        typer.Option("--keep-days", min=0, help="Keep versions that runs of these days used."),
    ] = 30,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Remove old versions that no model, evaluation or recent run needs, and broken-off work."""
    request = settings_request(config, lake, assignments)
    settings = request.load()
    from pipeline.vacuum import vacuum as vacuum_lake

    again = ["radsim", "vacuum", "--keep-days", str(keep_days), *request.arguments()]
    with resumed_by(again), StageDisplay() as display:
        display.show(vacuum_lake(settings, keep_days=keep_days, dry_run=dry_run))
