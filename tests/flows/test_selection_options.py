"""A stage for some exams or a version, from the command line and from Prefect's form."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.command_line import app
from pipeline.lake import Lake
from pipeline.pseudonyms import KEY_VARIABLE, Pseudonymiser
from tests.flows.conftest import write_source

KEY = "a key of sixteen bytes or more"


def radsim(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of a site with a key, its three reports in the lake and labelled."""
    config = write_source(tmp_path_factory.mktemp("selection"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        for stage in ("ingest", "label"):
            assert radsim(stage, "--config", str(config)).exit_code == 0
    return config


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)


def test_an_exam_named_as_in_the_source_is_labelled_anew_alone(labelled: Path) -> None:
    ran = radsim("label", "--config", str(labelled), "--exam", "E2", "--force")
    assert ran.exit_code == 0, ran.stderr
    assert "1 in = 1 labelled" in ran.stdout
    listed = radsim("runs", "--config", str(labelled), "--stage", "label", "--last", "1")
    assert "exams 1" in listed.stdout
    told = str(Lake(labelled.parent / "lake").runs()["parameters"].to_pylist())
    assert Pseudonymiser(KEY.encode()).one("E2") in told
    assert '"E2"' not in told


def test_what_fails_names_no_exam_and_how_to_go_on(labelled: Path) -> None:
    ran = radsim("label", "--config", str(labelled), "--exam", "ACC-7", "--since", "2024-01-01")
    assert ran.exit_code == 1
    assert "not in this lake: 1 of the 1 named exams" in ran.stderr
    assert f"to resume: radsim label --config {labelled}" in ran.stderr
    assert "--since 2024-01-01 --exam ..." in ran.stderr
    assert "ACC-7" not in ran.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["label", "--since", "ACC-7"], "error: --since: "),
        (["label", "--reports", "r.csv", "--exam", "ACC-7"], "go with a lake, not --reports"),
        (["drift", "--version", "0"], "drift takes --version with --since or --until"),
        (["gate", "--exam", "ACC-7"], "gate cannot be limited by --exam; it takes no selection"),
        (["ingest", "--since", "ACC-7"], "name the file to read with --reports"),
        (["link", "--exam", "ACC-7"], "link cannot be limited by --exam; it takes --version"),
        (["train", "--version", "7"], "has no manifest 7; its manifests are none yet"),
    ],
)
def test_a_wrong_selection_is_one_line(labelled: Path, words: list[str], told: str) -> None:
    ran = radsim(*words, "--config", str(labelled))
    assert ran.exit_code == 1
    assert told in ran.stderr
    assert "ACC-7" not in ran.output


@pytest.mark.usefixtures("prefect_server")
class TestForm:
    """The form that Prefect's pages make of a stage's parameters, and what comes of it."""

    def test_it_shows_what_the_stage_takes_with_its_meaning(self) -> None:
        from flows.stage_flows import STAGE_FLOWS

        shown = {}
        for name, flow in STAGE_FLOWS.items():
            schema = flow.parameters.model_dump()
            assert all(field["description"] for field in schema["properties"].values())
            forms = list(schema.get("definitions", {}).values())
            shown[name] = [*forms[0]["properties"]] if forms else []
            for form in forms:
                assert all(field["description"] for field in form["properties"].values())
        assert shown["label"] == ["since", "until", "exams", "version"]
        assert shown["train"] == shown["link"] == ["version"]
        assert shown["gate"] == shown["ingest"] == []

    def test_it_limits_the_stage(self, labelled: Path) -> None:
        from flows.stage_flows import label_flow

        exam = Pseudonymiser(KEY.encode()).one("E1")
        done = label_flow(str(labelled), force=True, selection={"exams": [exam], "since": None})
        assert done["counts"]["labelled"] == done["counts"]["in"] == 1
        empty = {"since": None, "until": None, "exams": [], "version": None}
        assert label_flow(str(labelled), selection=empty)["counts"]["in"] == 3

    def test_where_a_key_is_set_prefect_refuses_other_ids_before_it_stores_them(
        self, labelled: Path
    ) -> None:
        from prefect.client.orchestration import get_client
        from prefect.exceptions import PrefectHTTPStatusError

        from flows.deployments import deployments
        from pipeline.settings import ScheduleSettings

        served = deployments("local", labelled, ScheduleSettings(cron=""), pseudonyms=True)
        label = next(d for d in served if d.flow_name == "radsim-label")
        assert label.entrypoint == "flows.stage_flows.label_flow"
        asked = {"config": str(labelled), "selection": {"exams": ["ACC-8"]}}
        with get_client(sync_client=True) as client:
            deployment = label.apply()
            with pytest.raises(PrefectHTTPStatusError, match="409"):
                client.create_flow_run_from_deployment(deployment, parameters=asked)
            asked["selection"] = {"exams": ["0" * 64], "until": "2024-01-01"}
            client.create_flow_run_from_deployment(deployment, parameters=asked)
            runs = client.read_flow_runs()
        assert "ACC-8" not in str([run.parameters for run in runs])
        assert asked in [run.parameters for run in runs]

    @pytest.mark.parametrize(
        ("selection", "told"),
        [
            ({"exams": ["ACC-7"]}, "Prefect takes exams by their pseudonyms alone"),
            ({"exam": ["ACC-7"]}, "a selection has since, until, exams, version"),
            ({"until": "ACC-7"}, "--until: "),
        ],
    )
    def test_a_wrong_one_fails_in_a_line_that_names_no_exam(
        self, labelled: Path, selection: dict[str, object], told: str
    ) -> None:
        from prefect.exceptions import FailedRun

        from flows.stage_flows import label_flow

        with pytest.raises(FailedRun) as caught:
            label_flow(str(labelled), selection=selection)
        reason = str(caught.value)
        assert reason.startswith("label: ")
        assert told in reason
        assert "ACC-7" not in reason
        assert "\n" not in reason
