"""The environment in which Prefect runs: on this machine alone, and silent.

Prefect reads its settings when it is imported, so this comes before; processes that it starts
inherit them.
"""

import os
from pathlib import Path

from pipeline.settings import ScheduleSettings

# What Prefect tells nobody, wherever its server stands.
SILENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}

# What a run needs, on whatever machine it is carried out.
OF_RUNS = {
    **SILENT,
    # A run says this often, in seconds, that it lives (see `flows.run_watch`); Prefect takes no
    # less.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # The summary is in memory and needs no file.
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}

ENVIRONMENT = {
    **OF_RUNS,
    # What listens does so on this machine only.
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    # Where no server is named, Prefect starts one for the run; 20 s by default are too few.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Prefect's own database is kept small; the lake's ledger is kept for ever.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
}

# What `set_environment` says besides.
OF_THE_LAKE = (
    "PREFECT_HOME",
    "PREFECT_SERVER_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD",
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD",
)


def set_environment(
    state_folder: Path, schedule: ScheduleSettings, api_url: str | None = None
) -> None:
    """Set Prefect's settings in the environment of this process and of those it starts.

    Parameters
    ----------
    state_folder
        The lake's local state folder; Prefect's own files and database go to ``prefect`` in it,
        not to the user's home.
    schedule
        Says how long Prefect keeps runs and events.
    api_url
        The server to talk to; None lets Prefect start one for a run.
    """
    os.environ.update(ENVIRONMENT)
    # Prefect takes the one in seconds, the other as an ISO 8601 duration.
    keep_runs = schedule.keep_run_days * 24 * 60 * 60
    os.environ["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] = str(keep_runs)
    os.environ["PREFECT_SERVER_EVENTS_RETENTION_PERIOD"] = f"P{schedule.keep_event_days}D"
    home = (state_folder / "prefect").absolute()
    os.environ["PREFECT_HOME"] = str(home)
    os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = (
        f"sqlite+aiosqlite:///{home / 'prefect.db'}"
    )
    os.environ.pop("PREFECT_API_URL", None)
    # A profile or key of the user's own would send runs elsewhere.
    os.environ.pop("PREFECT_API_KEY", None)
    os.environ.pop("PREFECT_PROFILE", None)
    if api_url is not None:
        os.environ["PREFECT_API_URL"] = api_url
