"""Run the road by its schedule: the local server, and the runner that carries out its runs."""

import signal
from types import FrameType

import typer

from flows.local_server import local_server
from flows.prefect_environment import set_environment
from flows.settings_request import SettingsRequest
from pipeline.lake import Lake


def serve_road(request: SettingsRequest) -> None:
    """Serve the deployments of the request's settings file until interrupted.

    Schedules and the history of runs are in the lake's state folder. Runs that fell due while
    nothing served are made up when it starts again.

    Raises
    ------
    UserError
        The server cannot be started.
    """
    settings = request.load()
    assert request.config is not None
    state = Lake.of(settings).state_folder
    set_environment(state)
    log = (state / "prefect" / "server.log").absolute()
    # Also a plain `kill` must stop the server in an orderly way.
    signal.signal(signal.SIGTERM, _interrupt)
    typer.echo("starting Prefect's server, which takes half a minute ...")
    with local_server(settings.schedule.port, log) as api_url:
        set_environment(state, api_url)

        import prefect

        from flows.deployments import deployments

        served = deployments(request.config, settings.schedule)
        when = settings.schedule.cron
        typer.echo(f"server: {api_url.removesuffix('/api')} (log: {log})")
        typer.echo(
            f"the road runs at «{when}» ({settings.schedule.timezone})"
            if when
            else "no schedule is set; runs start on demand"
        )
        typer.echo("deployments: " + ", ".join(f"{d.flow_name}/{d.name}" for d in served))
        typer.echo("Ctrl-C stops it; nothing is lost by stopping")
        # One run at a time, because they write one lake. Schedules are not paused on the way out:
        # a run that falls due meanwhile is late, not lost.
        prefect.serve(*served, pause_on_shutdown=False, print_starting_message=False, limit=1)
    typer.echo("stopped")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
