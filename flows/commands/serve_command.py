"""`radsim serve`: the local scheduler."""

import typer

from flows.commands.options import ConfigOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from pipeline.user_error import UserError


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(serve))


def serve(config: ConfigOption = None) -> None:
    """Start the local Prefect server and run the road by its schedule, until Ctrl-C."""
    request = settings_request(config)
    if request.config is None:
        raise UserError("serve needs a settings file; `radsim init` writes one")
    from flows.serving import serve_road

    serve_road(request)
