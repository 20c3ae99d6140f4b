"""Flows against Prefect's test server."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import road
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stage_summary import StageSummary
from tests.flows.conftest import write_source

pytestmark = pytest.mark.usefixtures("prefect_server")

SECRET = "Mrs Example has a large effusion"


def _read(model: str, **filters: Any) -> list[Any]:
    """Return what the server holds of artifacts, flow runs or task runs."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return list(getattr(client, f"read_{model}")(**filters))


@pytest.fixture(scope="module")
def labelled(
    prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, Any]]]:
    """Return the folder of a lake that flows ingested, labelled and ingested again."""
    from flows.stage_flows import ingest_flow, label_flow

    file = write_source(tmp_path_factory.mktemp("labelled"))
    return file.parent, [flow(str(file)) for flow in (ingest_flow, label_flow, ingest_flow)]


def test_a_flow_runs_its_stage(labelled: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, (first, labels, again) = labelled
    assert (first["outcome"], first["counts"]["in"], first["counts"]["new"]) == ("committed", 4, 3)
    assert labels["counts"]["labelled"] == 3
    assert again["outcome"] == "unchanged"
    assert Lake(folder / "lake").read("labels").num_rows == 3


def test_a_flow_publishes_its_summary(labelled: tuple[Path, list[dict[str, Any]]]) -> None:
    told = [found for found in _read("artifacts") if found.key == "radsim-label"]
    assert {found.type for found in told} == {"markdown"}
    assert any("3 in = 3 labelled" in found.data for found in told)
    assert any("4 in = 3 new + 1 quarantined" in found.data for found in _read("artifacts"))


def test_what_prefect_keeps_holds_no_text_and_no_identifiers(
    labelled: tuple[Path, list[dict[str, Any]]],
) -> None:
    kept = json.dumps(
        [
            entry.model_dump(mode="json")
            for model in ("artifacts", "flow_runs", "task_runs")
            for entry in _read(model)
        ]
    )
    assert "radsim-label" in kept
    for private in ("Heart size", "effusion, but", '"E1"', "E2,"):
        assert private not in kept


def test_a_failed_stage_fails_the_flow_with_one_line(tmp_path: Path) -> None:
    from prefect.exceptions import FailedRun

    from flows.stage_flows import label_flow

    file = tmp_path / "site.toml"
    file.write_text('[lake]\nroot = "lake"\n', encoding="utf-8")
    with pytest.raises(FailedRun) as caught:
        label_flow(str(file))
    reason = str(caught.value)
    assert reason == "label: the lake has no reports yet; run `radsim ingest` first"
    run = max(_read("flow_runs"), key=lambda found: found.created)
    assert run.state.is_failed()
    assert reason in run.state.message


def test_an_unforeseen_error_does_not_reach_prefect(
    lake_settings: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from prefect.exceptions import FailedRun

    from flows.stage_flows import train_flow

    def broken(settings: Settings, **_: Any) -> StageSummary:
        raise ValueError(SECRET)

    monkeypatch.setattr(road, "stage", lambda name: broken)
    with pytest.raises(FailedRun, match="unexpected ValueError") as caught:
        train_flow(str(lake_settings))
    assert SECRET not in str(caught.value)
    run = max(_read("flow_runs"), key=lambda found: found.created)
    assert SECRET not in run.state.message
    assert SECRET not in caplog.text


def test_the_parent_runs_the_stages_in_order_and_stops_at_the_one_that_fails(
    lake_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.exceptions import FailedRun

    from flows.stage_flows import road_flow

    ran: list[tuple[str, bool]] = []

    def stage_of(name: str) -> Any:
        def stage(settings: Settings, *, force: bool = False, **_: Any) -> StageSummary:
            ran.append((name, force))
            if name == "embed":
                raise OSError(28, "No space left on device")
            return StageSummary(name, counts={"images": 3})

        return stage

    monkeypatch.setattr(road, "stage", stage_of)
    with pytest.raises(FailedRun, match="embed: the disk is full"):
        road_flow(str(lake_settings), first="link", force=True)
    assert ran == [("link", True), ("train", True), ("embed", True)]
    pages = list((lake_settings.parent / "lake" / "state" / "pages").iterdir())
    assert [page.suffix for page in pages] == [".html"], "a page of the lake's figures is left"


def test_every_stage_has_its_flow() -> None:
    from flows import stage_flows

    assert tuple(stage_flows.STAGE_FLOWS) == road.STAGES
    for name, flow in stage_flows.STAGE_FLOWS.items():
        assert flow.name == f"radsim-{name}"
        # The name by which a deployment finds it again.
        assert getattr(stage_flows, flow.fn.__name__) is flow


def test_the_schedule_stands_in_the_parents_deployment_alone(lake_settings: Path) -> None:
    from flows.deployments import deployments
    from pipeline.settings import ScheduleSettings

    schedule = ScheduleSettings(cron="30 3 * * 1", timezone="Europe/Berlin")
    parent, *stages = deployments("local", lake_settings, schedule)
    assert parent.flow_name == "radsim-road"
    assert parent.parameters == {"config": str(lake_settings)}
    assert [(s.schedule.cron, s.schedule.timezone) for s in parent.schedules] == [
        ("30 3 * * 1", "Europe/Berlin")
    ]
    assert [stage.flow_name for stage in stages] == [f"radsim-{name}" for name in road.STAGES]
    assert not any(stage.schedules for stage in stages)
    assert not deployments("local", lake_settings, ScheduleSettings(cron=""))[0].schedules
