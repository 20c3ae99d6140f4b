"""Prefect's server as a child process, on this machine only."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.user_error import UserError

HOST = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 20


def api_url(port: int) -> str:
    """Return the address of the server's interface."""
    return f"http://{HOST}:{port}/api"


@contextmanager
def local_server(port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the server, wait until it answers, yield its process, and stop it at the end.

    The environment must be set (`flows.prefect_environment.set_environment`). What the server
    prints goes to `log`.

    Raises
    ------
    UserError
        The port is taken, or the server does not come up.
    """
    require_free(
        port,
        "is `radsim serve` running already? if not, choose another with [schedule] port",
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server_process", str(port)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            # A terminal's Ctrl-C goes to every process of its group; the server has to outlive
            # the runs that report to it.
            start_new_session=True,
            env={**os.environ, "PREFECT_API_URL": api_url(port)},
        )
    try:
        _wait_until_healthy(process, port, log)
        yield process
    finally:
        end(process, STOP_SECONDS)
        assert process.stdin is not None
        process.stdin.close()


def require_free(port: int, hint: str) -> None:
    """Refuse a port that something listens on.

    Raises
    ------
    UserError
        It is taken; the hint says what to do.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UserError(f"port {port} is taken; {hint}") from None


def _wait_until_healthy(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    # The environment's proxies are not asked for this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise UserError(f"Prefect's server did not start; its log is {log}")
        try:
            with direct.open(f"{api_url(port)}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UserError(f"Prefect's server did not answer in {START_SECONDS} s; its log is {log}")


def end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """End a child process, by force where it has not ended after so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
