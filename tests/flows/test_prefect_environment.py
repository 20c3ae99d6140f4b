"""Prefect keeps to this machine and to the lake's state folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.settings import ScheduleSettings

CODE = """
import json, sys
from pathlib import Path
from flows.prefect_environment import set_environment
from pipeline.settings import ScheduleSettings
schedule = ScheduleSettings(keep_run_days=14, keep_event_days=3)
set_environment(Path(sys.argv[1]), schedule, "http://127.0.0.1:4321/api")
import prefect
settings = prefect.settings.get_current_settings()
print(json.dumps({
    "home": str(settings.home),
    "api": settings.api.url,
    "key": settings.api.key and "set",
    "analytics": settings.server.analytics_enabled,
    "promotion": settings.server.ui.show_promotional_content,
    "cloud telemetry": settings.cloud.enable_orchestration_telemetry,
    "host": settings.server.api.host,
    "startup": settings.server.ephemeral.startup_timeout_seconds,
    "vacuum": sorted(settings.server.services.db_vacuum.enabled),
    "runs kept, days": settings.server.services.db_vacuum.retention_period.days,
    "events kept, days": settings.server.events.retention_period.days,
    "heartbeat, seconds": settings.flows.heartbeat_frequency,
    "persist": settings.results.persist_by_default,
    "database": settings.server.database.connection_url.get_secret_value(),
}))
"""


def test_prefect_reads_the_environment_that_is_set(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PREFECT_API_KEY": "a-key-of-the-user"}
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment,
    )
    home = tmp_path / "state" / "prefect"
    assert json.loads(ran.stdout.splitlines()[-1]) == {
        "home": str(home),
        "api": "http://127.0.0.1:4321/api",
        "key": None,
        "analytics": False,
        "promotion": False,
        "cloud telemetry": False,
        "host": "127.0.0.1",
        "startup": 120,
        "vacuum": ["events", "flow_runs"],
        "runs kept, days": 14,
        "events kept, days": 3,
        "heartbeat, seconds": 30,
        "persist": False,
        "database": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
    }
    assert not (tmp_path / ".prefect").exists()


def test_a_users_own_server_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from flows.prefect_environment import ENVIRONMENT, OF_THE_LAKE, set_environment

    # Noted by `monkeypatch`, which puts them back.
    for name in (*ENVIRONMENT, *OF_THE_LAKE):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PREFECT_API_URL", "https://elsewhere.example/api")
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    set_environment(tmp_path, ScheduleSettings())
    assert "PREFECT_API_URL" not in os.environ
    assert "PREFECT_PROFILE" not in os.environ
