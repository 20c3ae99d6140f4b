"""Run the road by its schedule: the local server, and the runner that carries out its runs."""

import asyncio
import signal
import subprocess
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING

import typer

from flows.kept_dashboard import kept_dashboard
from flows.left_runs import take_up_left_runs
from flows.local_server import api_url, local_server
from flows.prefect_environment import set_environment
from flows.run_watch import watch_runs
from flows.settings_request import SettingsRequest
from pipeline.lake import Lake
from pipeline.pseudonyms import Pseudonymiser
from pipeline.settings import ScheduleSettings, Settings
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment


def serve_road(request: SettingsRequest) -> None:
    """Serve the deployments of the request's settings file until interrupted.

    Schedules and the history of runs are in the lake's state folder. A run that falls due while
    nothing serves is carried out when it starts again. A run that is stopped half-way is marked
    as cancelled; since a stage commits all or nothing, the next run continues its work. Runs whose
    processes died with the server (kill, power cut) are marked as crashed at the next start and
    started anew.

    Raises
    ------
    UserError
        The server cannot be started.
    """
    settings = request.load()
    assert request.config is not None
    state = Lake.of(settings).state_folder
    set_environment(state, settings.schedule)
    log = (state / "prefect" / "server.log").absolute()
    # Also a plain `kill` must stop the server in an orderly way.
    signal.signal(signal.SIGTERM, _interrupt)
    typer.echo("starting Prefect's server, which takes half a minute ...")
    port = settings.schedule.port
    with local_server(port, log) as server, _dashboard(request, settings) as dashboard:
        set_environment(state, settings.schedule, api_url(port))

        from flows.deployments import deployments

        keyed = Pseudonymiser.of(settings).active
        served = deployments("local", request.config, settings.schedule, pseudonyms=keyed)
        when = f"at «{settings.schedule.cron}» ({settings.schedule.timezone})"
        told = [
            f"server: {api_url(port).removesuffix('/api')} (log: {log})",
            *([dashboard] if dashboard else []),
            f"the road runs {when if settings.schedule.cron else 'on demand; no schedule is set'}",
            "deployments: " + ", ".join(f"{d.flow_name}/{d.name}" for d in served),
            "Ctrl-C stops it; what falls due meanwhile runs when it starts again",
        ]
        asyncio.run(_carry_out(served, settings.schedule, "\n".join(told), server))
        if server.poll() is not None:
            raise UserError(f"Prefect's server has ended; its log is {log}; serve again")
        typer.echo("stopping ...")
    typer.echo("stopped")


def _dashboard(request: SettingsRequest, settings: Settings) -> AbstractContextManager[str]:
    """Keep the dashboard open, if the settings ask for it; give the line that says so."""
    port = settings.schedule.dashboard_port
    if not port:
        return nullcontext("")
    return kept_dashboard(request, port, Lake.of(settings).state_folder / "dashboard.log")


async def _carry_out(
    served: list["RunnerDeployment"],
    schedule: ScheduleSettings,
    told: str,
    server: "subprocess.Popen[bytes]",
) -> None:
    """Register the deployments, say so, and carry out their runs.

    Until a signal says stop, or the server ends: without it no run would be told of or begun.
    """
    from prefect.client.orchestration import get_client
    from prefect.runner import Runner

    stop = asyncio.Event()
    _on_signals(stop)
    # One run at a time, because they write one lake. Schedules are not paused on the way out: a
    # run that falls due meanwhile is late, not lost.
    runner = Runner(name="radsim", pause_on_shutdown=False, limit=1)
    ids = [await runner.aadd_deployment(deployment) for deployment in served]
    async with get_client() as client:
        await watch_runs(client, served, ids, schedule)
        left = await take_up_left_runs(client)
    if left:
        typer.echo(f"{left} runs were broken off with the last server; their work is taken up")
    running = asyncio.create_task(runner.start())
    while not runner.started and not running.done():
        await asyncio.sleep(0.05)
    # Once more, since the runner's start sets a handler of its own.
    _on_signals(stop)
    typer.echo(told)
    waiting = {asyncio.create_task(stop.wait()), asyncio.create_task(_ended(server))}
    await asyncio.wait({running, *waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    if server.poll() is not None:
        running.cancel()
        return
    if not running.done():
        await runner.astop()
    await running


async def _ended(process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process ends."""
    while process.poll() is None:
        await asyncio.sleep(1)


def _on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
