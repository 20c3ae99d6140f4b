"""The dashboard as a child process that listens on this machine only and tells nobody."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import typer

from flows.local_server import HOST
from flows.settings_request import SettingsRequest
from pipeline.user_error import UserError

APPLICATION = Path(__file__).parent / "dashboard_application.py"

# Streamlit's settings (`streamlit config show`).
ENVIRONMENT = {
    "STREAMLIT_SERVER_ADDRESS": HOST,
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
    "STREAMLIT_BROWSER_SERVER_ADDRESS": HOST,
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    # A traceback may show what it worked on.
    "STREAMLIT_CLIENT_SHOW_ERROR_DETAILS": "none",
    "STREAMLIT_CLIENT_TOOLBAR_MODE": "minimal",
    "STREAMLIT_LOGGER_LEVEL": "warning",
}


def start_dashboard(request: SettingsRequest, port: int) -> "subprocess.Popen[bytes]":
    """Start the application for the settings asked for and return its process.

    Raises
    ------
    UserError
        Streamlit is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise UserError("the dashboard needs Streamlit; pip install 'radsim[dashboard]'")
    from flows.dashboard.session import as_environment

    return subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(APPLICATION), "--server.port", str(port)],
        env={**os.environ, **ENVIRONMENT, **as_environment(request)},
        stdout=subprocess.DEVNULL,
    )


def run_dashboard(request: SettingsRequest, port: int) -> None:
    """Run the application until it is interrupted.

    Raises
    ------
    UserError
        It cannot be started, or ends by itself.
    """
    process = start_dashboard(request, port)
    typer.echo(f"dashboard: http://{HOST}:{port}; Ctrl-C stops it")
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return
    raise UserError(f"the dashboard has ended (code {code}); is port {port} taken?")
