"""A small labelled lake, and the dashboard over it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flows.dashboard.session import as_environment
from flows.settings_request import SettingsRequest
from tests.labelled_site import labelled_site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of a lake that has been ingested and labelled."""
    return labelled_site(tmp_path_factory.mktemp("site"))


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
