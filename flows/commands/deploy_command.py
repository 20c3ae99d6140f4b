"""`radsim deploy`: the road on a Prefect server that a site has already."""

from typing import Annotated

import typer

from flows.commands.options import ConfigOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from pipeline.user_error import UserError


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(deploy))


def deploy(
    pool: Annotated[str, typer.Option("--pool", help="Work pool whose workers carry runs out.")],
    name: Annotated[
        str, typer.Option("--name", help="Name of the deployments; one a lake.")
    ] = "radsim",
    config: ConfigOption = None,
) -> None:
    """Register the road and its stages with the Prefect server of PREFECT_API_URL, and end."""
    request = settings_request(config)
    if request.config is None:
        raise UserError("deploy needs a settings file; `radsim init` writes one")
    import asyncio

    from flows.deploying import deploy_road

    address, deployments = asyncio.run(deploy_road(request, pool, name))
    typer.echo(f"server: {address}")
    typer.echo(f"deployments: {', '.join(deployments)}")
    typer.echo(f"`prefect worker start --pool {pool}` carries their runs out, where radsim and the")
    typer.echo("settings file are")
