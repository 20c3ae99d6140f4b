"""A small labelled lake, and the dashboard over it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from data_contracts import schemas
from flows.dashboard.asked_settings import as_environment
from flows.settings_request import SettingsRequest
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.settings_file import load_settings
from tests.labelled_site import labelled_site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of a labelled lake whose last measurement says pneumonia drifted."""
    config = labelled_site(tmp_path_factory.mktemp("site"))
    with config.open("a", encoding="utf-8") as file:
        file.write("[drift]\nbatch_days = 60\n")
    with Run(Lake.of(load_settings(config)), "drift", {}) as run:
        rows = run.read("drift").to_pandas()
        shares = ["prevalence", "low", "high", "reference_prevalence"]
        rows.loc[rows["class"] == "Pneumonia", [*shares, "drifted", "reason", "batch_exams"]] = [
            *(0.6, 0.5, 0.7, 0.2),
            *(True, "states", 5),
        ]
        rows["batch_exams"] = 5
        rows["committed_at"] = run.now
        run.overwrite("drift", pa.Table.from_pandas(rows, schemas.DRIFT, preserve_index=False))
        run.commit({})
    return config


@pytest.fixture
def page_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], AppTest]]:
    """Return a function that runs a page by its module's name over a settings file's lake."""
    # Streamlit makes the page's script the main module, which worker processes started by a later
    # test would run again; it is put back when the test ends.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def run(name: str, config: Path) -> AppTest:
        for key, value in as_environment(SettingsRequest(config)).items():
            monkeypatch.setenv(key, value)
        script = f"from flows.dashboard.pages import {name}\n{name}.page()\n"
        return AppTest.from_string(script, default_timeout=60).run()

    return run
