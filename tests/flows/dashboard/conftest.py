"""A small labelled lake, and the dashboard over it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flows.dashboard.session import as_environment
from flows.settings_request import SettingsRequest
from pipeline.road import stage
from pipeline.settings_file import load_settings

REPORTS = """\
exam_id,patient_id,time,site,text
E1,P1,2026-01-05,North,"Heart size normal. No effusion, but possible left lower lobe pneumonia."
E2,P2,2026-01-20,North,Large right pleural effusion and cardiomegaly. No pneumothorax.
E3,P3,2026-02-03,South,
E4,P4,2026-02-10,South,The heart is enlarged. Small left pleural effusion.
E5,P5,2026-03-01,South,"Suspicious for pneumonia <script>document.title='run'</script> & edema."
"""

SETTINGS = """\
[lake]
root = "lake"
[engine]
workers = 1
[reports]
path = "reports.csv"
patient_id = "patient_id"
exam_time = "time"
site = "site"
"""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of a lake that has been ingested and labelled."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    file = folder / "site.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    for name in ("ingest", "label", "drift"):
        stage(name)(load_settings(file))
    return file


@pytest.fixture
def page_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Path], AppTest]]:
    """Return a function that runs a page by its module's name over a settings file's lake."""

    def run(name: str, config: Path) -> AppTest:
        for key, value in as_environment(SettingsRequest(config)).items():
            monkeypatch.setenv(key, value)
        script = f"from flows.dashboard.pages import {name}\n{name}.page()\n"
        return AppTest.from_string(script, default_timeout=60).run()

    return run
