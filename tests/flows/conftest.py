"""A tiny report source and its settings, and Prefect's test server, once for the session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

REPORTS = """\
exam_id,text
E1,"Heart size normal. No effusion, but possible left lower lobe pneumonia."
E2,Large right pleural effusion. No pneumothorax.
E3,
E4,The heart is enlarged.
"""


def write_source(folder: Path) -> Path:
    """Write a source of three good reports and an empty one; return its settings file."""
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    file = folder / "site.toml"
    file.write_text(
        '[lake]\nroot = "lake"\n[reports]\npath = "reports.csv"\n[engine]\nworkers = 1\n',
        encoding="utf-8",
    )
    return file


@pytest.fixture
def lake_settings(tmp_path: Path) -> Path:
    """Return the settings file of a lake whose source holds three good reports and an empty one."""
    return write_source(tmp_path)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Start Prefect's test server."""
    from flows.prefect_environment import ENVIRONMENT, OF_THE_LAKE, set_environment
    from pipeline.settings import ScheduleSettings

    with pytest.MonkeyPatch.context() as environment:
        # Noted, so that what `set_environment` does to them is undone at the end.
        for name in (*ENVIRONMENT, *OF_THE_LAKE):
            environment.setenv(name, "")
        set_environment(tmp_path_factory.mktemp("prefect"), ScheduleSettings())
        environment.setenv("PREFECT_LOGGING_TO_API_ENABLED", "false")
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=120):
            yield
