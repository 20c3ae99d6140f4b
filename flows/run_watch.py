"""Automations of Prefect's server that watch runs: what has died is marked, what hangs is ended."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pipeline.settings import ScheduleSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.deployments.runner import RunnerDeployment
    from prefect.events.schemas.automations import AutomationCore

# A run that has said nothing for so long has died; with a heartbeat every half minute and a server
# that looks every few seconds, it is marked within two minutes.
SILENCE = timedelta(seconds=90)

ENDED = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}

DEAD = (
    "its process has not been heard of for {seconds:.0f} s; a stage commits all or nothing, so "
    "nothing is half done"
)


async def watch_runs(
    client: "PrefectClient",
    deployments: Iterable["RunnerDeployment"],
    ids: Iterable[UUID],
    schedule: ScheduleSettings,
) -> None:
    """Register the automations, or bring those of an earlier start up to date.

    One marks runs of RadSim's flows as crashed when their heartbeats cease, as when a machine or
    a worker dies. The other cancels runs of these deployments that take longer than
    ``[schedule] longest_run_hours``, so that one that hangs does not keep the next night from
    running; whoever carries the run out then ends its process.

    Parameters
    ----------
    client
        The server.
    deployments
        The deployments, whose flows are watched.
    ids
        Their ids on the server.
    schedule
        Says how long a run may take.
    """
    deployments = list(deployments)
    (name,) = {deployment.name for deployment in deployments}
    flows = sorted({str(deployment.flow_name) for deployment in deployments})
    dead, too_long = _dead_runs(flows), _too_long_runs(str(name), list(ids), schedule)
    for automation in (dead, too_long):
        for earlier in await client.read_automations_by_name(automation.name):
            await client.delete_automation(earlier.id)
    await client.create_automation(dead)
    if schedule.longest_run_hours:
        await client.create_automation(too_long)


def _dead_runs(flows: list[str]) -> "AutomationCore":
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    heartbeat = "prefect.flow-run.heartbeat"
    return AutomationCore(
        name="radsim: mark runs whose process died",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={heartbeat},
            expect={heartbeat, *ENDED},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": flows},
            for_each={"prefect.resource.id"},
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED, message=DEAD.format(seconds=SILENCE.total_seconds())
            )
        ],
    )


def _too_long_runs(name: str, ids: list[UUID], schedule: ScheduleSettings) -> "AutomationCore":
    from prefect.events.actions import CancelFlowRun
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    deployments = [f"prefect.deployment.{identifier}" for identifier in ids]
    return AutomationCore(
        name=f"radsim: end runs of {name} that take too long",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            after={"prefect.flow-run.Running"},
            expect=ENDED,
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={
                "prefect.resource.role": "deployment",
                "prefect.resource.id": deployments,
            },
            for_each={"prefect.resource.id"},
            threshold=1,
            # Prefect takes no shorter time than ten seconds.
            within=max(timedelta(hours=schedule.longest_run_hours), timedelta(seconds=10)),
        ),
        actions=[CancelFlowRun()],
    )
