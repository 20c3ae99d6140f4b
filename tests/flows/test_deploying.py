"""The road on a Prefect server and work pool that exist already, its runs watched there."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.settings_request import SettingsRequest
from pipeline.road import STAGES
from pipeline.user_error import UserError

pytestmark = pytest.mark.usefixtures("prefect_server")

POOL = "hospital"


@pytest.fixture
def pool() -> Iterator[str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
        yield POOL
        client.delete_work_pool(POOL)


def _deploy(config: Path, *, hours: float | None = None, pool: str = POOL) -> list[str]:
    from flows.deploying import deploy_road

    given = () if hours is None else (("schedule.longest_run_hours", hours),)
    return asyncio.run(deploy_road(SettingsRequest(config, given), pool, "north"))[1]


def _registered() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the server's deployments named north, and its automations, by their names."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        deployments = [d for d in client.read_deployments() if d.name == "north"]
        flows = {d.id: client.read_flow(d.flow_id).name for d in deployments}
        automations = client.read_automations()
    assert len({automation.name for automation in automations}) == len(automations)
    return {flows[d.id]: d for d in deployments}, {a.name: a for a in automations}


def test_the_road_and_every_stage_are_deployed_to_the_pool(lake_settings: Path, pool: str) -> None:
    told = _deploy(lake_settings)
    deployments, _ = _registered()
    assert set(deployments) == {"radsim-road", *(f"radsim-{stage}" for stage in STAGES)}
    assert set(told) == {f"{flow}/north" for flow in deployments}
    for deployment in deployments.values():
        assert deployment.work_pool_name == pool
        assert deployment.parameters["config"] == str(lake_settings)
        # A worker's runs say that they live, and tell nobody else anything.
        assert deployment.job_variables["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "30"
        assert deployment.job_variables["env"]["DO_NOT_TRACK"] == "1"
    scheduled = {flow for flow, deployment in deployments.items() if deployment.schedules}
    assert scheduled == {"radsim-road"}


def test_a_silent_run_is_marked_and_a_long_one_ended(lake_settings: Path, pool: str) -> None:
    _deploy(lake_settings, hours=3)
    _deploy(lake_settings, hours=5)
    deployments, automations = _registered()
    dead = automations["radsim: mark runs whose process died"]
    assert dead.trigger.within.total_seconds() + 30 <= 120
    assert set(dead.trigger.match_related["prefect.resource.name"]) == set(deployments)
    assert dead.actions[0].state.value == "CRASHED"
    long = automations["radsim: end runs of north that take too long"]
    assert long.trigger.within.total_seconds() == 5 * 3600
    ids = {f"prefect.deployment.{deployment.id}" for deployment in deployments.values()}
    assert set(long.trigger.match_related["prefect.resource.id"]) == ids
    assert long.actions[0].type == "cancel-flow-run"

    _deploy(lake_settings, hours=0)
    _, automations = _registered()
    assert set(automations) == {"radsim: mark runs whose process died"}


def test_a_pool_that_is_not_there_is_named(lake_settings: Path) -> None:
    with pytest.raises(UserError, match="has no work pool elsewhere; `prefect work-pool create"):
        _deploy(lake_settings, pool="elsewhere")


def test_a_server_that_does_not_answer_is_named(lake_settings: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(UserError, match=r"http://127\.0\.0\.1:9/api does not answer"),
    ):
        _deploy(lake_settings)


def test_without_a_server_it_says_how_to_name_one(lake_settings: Path) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        pytest.raises(UserError, match="no Prefect server is named; set PREFECT_API_URL"),
    ):
        _deploy(lake_settings)
