"""The dashboard's process, which listens on this machine only and tells nobody."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

import typer

from flows.local_server import HOST, require_free
from flows.settings_request import SettingsRequest
from pipeline.user_error import UserError

APPLICATION = Path(__file__).parent / "dashboard_application.py"

# Streamlit's settings (`streamlit config show`).
ENVIRONMENT = {
    "STREAMLIT_SERVER_ADDRESS": HOST,
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
    # Megabytes of a radiograph that is asked about.
    "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "100",
    "STREAMLIT_BROWSER_SERVER_ADDRESS": HOST,
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    # Addresses fill in fields that have an empty default; it is only warned of.
    "STREAMLIT_GLOBAL_DISABLE_WIDGET_STATE_DUPLICATION_WARNING": "true",
    # A traceback may show what it worked on.
    "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "none",
    "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
    "STREAMLIT_LOGGER_LEVEL": "warning",
}


def dashboard_process(request: SettingsRequest, port: int) -> tuple[list[str], dict[str, str]]:
    """Return the words and the environment of the process that serves the settings asked for.

    Raises
    ------
    UserError
        Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise UserError("the dashboard needs Streamlit; pip install 'radsim[dashboard]'")
    from flows.dashboard.asked_settings import as_environment

    words = ["-m", "streamlit", "run", str(APPLICATION), "--server.port", str(port)]
    return [sys.executable, *words], {**os.environ, **ENVIRONMENT, **as_environment(request)}


def become_dashboard(request: SettingsRequest, port: int) -> NoReturn:
    """Put the application in the place of this process, so that what stops it stops that.

    Raises
    ------
    UserError
        The port is taken, or Streamlit is not installed.
    """
    require_free(port, "is a dashboard open already? if not, choose another with --port")
    words, environment = dashboard_process(request, port)
    typer.echo(f"dashboard: http://{HOST}:{port}; Ctrl-C stops it")
    sys.stdout.flush()
    os.execve(words[0], words, environment)
