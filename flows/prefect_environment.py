"""The environment in which Prefect runs: on this machine alone, and silent.

Prefect reads its settings when it is imported, so this comes before; processes that it starts
inherit them.
"""

import os
from pathlib import Path

ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # What listens does so on this machine only.
    "PREFECT_SERVER_API_HOST": "127.0.0.1",
    # Where no server is named, Prefect starts one for the run; 20 s by default are too few.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # Old runs go after 30 days, events after 7; the lake's own ledger is kept for ever.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 24 * 60 * 60),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
    # The summary is in memory and needs no file.
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}


def set_environment(state_folder: Path, api_url: str | None = None) -> None:
    """Set Prefect's settings in the environment of this process and of those it starts.

    Parameters
    ----------
    state_folder
        The lake's local state folder; Prefect's own files and database go to ``prefect`` in it,
        not to the user's home.
    api_url
        The server to talk to; None lets Prefect start one for a run.
    """
    os.environ.update(ENVIRONMENT)
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
