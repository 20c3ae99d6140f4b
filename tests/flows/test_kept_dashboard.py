"""The dashboard beside `radsim serve`: open again when it ends, gone when that is."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from flows import kept_dashboard as module
from flows.kept_dashboard import kept_dashboard
from flows.settings_request import SettingsRequest

PATIENCE = 30


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(file: Path, count: int) -> list[int]:
    """Return the process ids that the stand-in wrote, as soon as there are so many."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        ids = [int(line) for line in file.read_text().split()] if file.exists() else []
        if len(ids) >= count:
            return ids
        time.sleep(0.05)
    pytest.fail(f"the dashboard was not started {count} times")


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_started_again_when_it_ends_and_ends_with_the_block(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tmp_path / "ids"
    code = f"import os, time; print(os.getpid(), file=open({str(ids)!r}, 'a')); time.sleep(60)"
    words = [sys.executable, "-c", code]
    monkeypatch.setattr(module, "dashboard_process", lambda *_: (words, dict(os.environ)))
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.05)
    with kept_dashboard(SettingsRequest(None), port, tmp_path / "log") as told:
        assert told.startswith(f"dashboard: http://127.0.0.1:{port} (log: ")
        (first,) = started(ids, 1)
        os.kill(first, signal.SIGKILL)
        second = started(ids, 2)[1]
    assert second != first
    assert not is_running(second)


def test_a_taken_port_is_told_and_nothing_else_is_kept_from_running(
    tmp_path: Path, port: int
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with kept_dashboard(SettingsRequest(None), port, tmp_path / "log") as told:
            assert told.startswith(f"no dashboard: port {port} is taken; ")
