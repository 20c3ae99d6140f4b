"""What a killed server left as running is marked and its work taken up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("prefect_server")


async def left_and_taken_up(config: Path) -> tuple[list[int], dict[str, Any], list[Any]]:
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    from flows.deployments import deployments
    from flows.left_runs import take_up_left_runs
    from pipeline.settings import ScheduleSettings

    (road, *_) = deployments("local", config, ScheduleSettings(cron=""))
    identity = await road.aapply()
    async with get_client() as client:
        given = {"config": str(config), "force": True}
        dead = await client.create_flow_run_from_deployment(identity, parameters=given)
        await client.set_flow_run_state(dead.id, Running(), force=True)
        waiting = await client.create_flow_run_from_deployment(identity, parameters=given)
        first = await take_up_left_runs(client)
        second = await take_up_left_runs(client)
        (again,) = [
            run
            for run in await client.read_flow_runs(limit=50)
            if run.deployment_id == identity and run.id not in (dead.id, waiting.id)
        ]
        await client.set_flow_run_state(again.id, Running(), force=True)
        third = await take_up_left_runs(client)
        runs = {run.id: run for run in await client.read_flow_runs(limit=50)}
        fresh = [run for key, run in runs.items() if key not in (dead.id, waiting.id)]
        mine = [run for run in fresh if run.deployment_id == identity]
        states = {"dead": runs[dead.id].state, "waiting": runs[waiting.id].state}
        for run in (*mine, waiting):
            await client.delete_flow_run(run.id)
    return [first, second, third], states, mine


def test_a_run_without_a_process_is_crashed_and_started_once_more_and_no_third_time(
    lake_settings: Path,
) -> None:
    marked, states, again = asyncio.run(left_and_taken_up(lake_settings))
    assert marked == [1, 0, 1]
    assert states["dead"].is_crashed()
    assert states["waiting"].is_scheduled()
    (run,) = again
    assert run.state.is_crashed()
    assert run.parameters["force"] is True
