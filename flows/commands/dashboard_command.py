"""`radsim dashboard`: the lake in a browser."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request

PORT = 8501


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(dashboard))


def dashboard(
    port: Annotated[int, typer.Option("--port", min=1024, max=65535, help="Its port.")] = PORT,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Write the figures as one page here instead, and end."),
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Show runs, label quality, evidence, similarity and quarantine in a browser, here only."""
    request = settings_request(config, lake, assignments)
    # A mistake in the settings is told here and not on a page.
    settings = request.load()
    if save is not None:
        from flows.dashboard.archived_page import save_page
        from flows.dashboard.figures_of_lake import page_of_lake

        save_page(save, page_of_lake(settings))
        typer.echo(f"page: {save}")
        return
    from flows.dashboard_process import become_dashboard

    become_dashboard(request, port)
