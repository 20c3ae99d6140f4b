"""`radsim migrate`: an older lake to the present layout."""

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors, resumed_by
from flows.settings_request import settings_request
from flows.stage_display import StageDisplay


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(migrate))


def migrate(
    config: ConfigOption = None, lake: LakeOption = None, assignments: SetOption = None
) -> None:
    """Bring a lake that an older RadSim wrote to the present layout."""
    request = settings_request(config, lake, assignments)
    settings = request.load()
    from pipeline.migration import migrate as migrate_lake

    with resumed_by(["radsim", "migrate", *request.arguments()]), StageDisplay() as display:
        display.show(migrate_lake(settings))
