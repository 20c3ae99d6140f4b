"""The system's Chromium, headless, and the dashboard it looks at."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.dashboard_process import dashboard_process
from flows.settings_request import SettingsRequest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def browser() -> "Iterator[Browser]":
    """Yield the browser; `PATH` must not be None."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Containers run as root, where Chromium has no sandbox.
        started = playwright.chromium.launch(executable_path=PATH, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def served(request: SettingsRequest) -> Iterator[str]:
    """Run the dashboard on a free port and yield its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words, environment = dashboard_process(request, port)
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        give_up = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > give_up or process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()
