"""The deployments of a site: the road by its schedule, each stage on demand."""

from pathlib import Path

from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.stage_flows import STAGE_FLOWS, road_flow, stage_flow
from pipeline.settings import ScheduleSettings


def deployments(
    name: str, config: Path, schedule: ScheduleSettings, *, pseudonyms: bool = False
) -> list[RunnerDeployment]:
    """Return the deployments of a settings file under that name, the parent's first.

    The schedule stands in the deployment of the parent alone; an empty cron expression leaves it
    without one. With `pseudonyms`, where a site has a key, Prefect refuses an exam named otherwise
    before it stores it.
    """
    parameters = {"config": str(config.resolve())}
    crons = [Cron(schedule.cron, timezone=schedule.timezone)] if schedule.cron else []
    parent = RunnerDeployment.from_flow(
        road_flow,
        name,
        schedules=crons,
        parameters=parameters,
        description="Every stage of the road, one after the other.",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    stages = [
        RunnerDeployment.from_flow(
            stage_flow(stage, pseudonyms=pseudonyms),
            name,
            parameters=parameters,
            description=f"Stage {stage} alone.",
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        for stage in STAGE_FLOWS
    ]
    return [parent, *stages]
