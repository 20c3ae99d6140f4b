"""`radsim serve` for real: a server, deployments, runs that the schedule brings, a clean stop."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.local_server import local_server
from pipeline.road import STAGES
from pipeline.user_error import UserError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

PATIENCE = 100


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def served(lake_settings: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    with lake_settings.open("a", encoding="utf-8") as stream:
        stream.write(f'[schedule]\ncron = "0 2 * * *"\nport = {port}\ndashboard_port = 0\n')
    environment = {**os.environ, "HOME": str(lake_settings.parent)}
    script = "from flows.command_line import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "serve", "--config", str(lake_settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def _ask(port: int, what: str) -> list[dict[str, Any]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/{what}/filter",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def _scheduled_runs(port: int, config: Path) -> list[dict[str, Any]]:
    """Return the runs that the schedule brought, waiting for the scheduler's next turn."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if runs := _ask(port, "flow_runs"):
            return runs
        time.sleep(0.5)
    pytest.fail("the cron deployment yields no scheduled runs")


def test_a_cron_deployment_yields_scheduled_runs_and_stopping_is_clean(
    served: "subprocess.Popen[str]", lake_settings: Path, port: int
) -> None:
    assert served.stdout is not None
    told = []
    for line in served.stdout:
        told.append(line)
        if line.startswith("Ctrl-C"):
            break
    assert f"server: http://127.0.0.1:{port}" in "".join(told)
    assert "the road runs at «0 2 * * *» (UTC)" in "".join(told)

    runs = _scheduled_runs(port, lake_settings)
    assert {run["state_type"] for run in runs} == {"SCHEDULED"}
    assert {run["state_name"] for run in runs} == {"Scheduled"}
    assert all(run["auto_scheduled"] for run in runs)
    assert all(run["expected_start_time"][11:16] == "02:00" for run in runs)
    assert all(run["parameters"] == {"config": str(lake_settings)} for run in runs)
    assert len({run["deployment_id"] for run in runs}) == 1
    assert len(_ask(port, "deployments")) == len(STAGES) + 1

    served.send_signal(signal.SIGINT)
    rest = served.stdout.read()
    assert served.wait(60) == 0
    assert rest.splitlines()[-2:] == ["stopping ...", "stopped"]
    assert "Traceback" not in rest
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    # Schedules and history outlast it, in the lake's folder and not in the user's home.
    assert (lake_settings.parent / "lake" / "state" / "prefect" / "prefect.db").stat().st_size
    assert not (lake_settings.parent / ".prefect").exists()


def test_without_its_server_it_ends_and_says_so(served: "subprocess.Popen[str]") -> None:
    assert served.stdout is not None
    for line in served.stdout:
        if line.startswith("Ctrl-C"):
            break
    (server,) = _children(served.pid, "flows.server_process")
    os.kill(server, signal.SIGKILL)
    rest = served.stdout.read()
    assert served.wait(60) == 1
    # Prefect may tell of a lost connection before.
    assert "Prefect's server has ended; its log is" in rest.splitlines()[-1]


def _children(parent: int, module: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (folder / "status").read_text()
            command = (folder / "cmdline").read_text()
            if f"PPid:\t{parent}\n" in status and module in command:
                found.append(int(folder.name))
    return found


def test_a_taken_port_is_named(tmp_path: Path, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with (
            pytest.raises(UserError, match=f"port {port} is taken"),
            local_server(port, tmp_path / "server.log"),
        ):
            pass


def test_the_server_ends_with_the_process_that_started_it(port: int) -> None:
    """Closing the pipe is what the death of the starter does."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import flows.server_process as s, sys, threading, time\n"
            "threading.Thread(target=s._end_with_starter, daemon=True).start()\n"
            "time.sleep(60)",
        ],
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == -signal.SIGTERM
