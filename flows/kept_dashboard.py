"""The dashboard beside `radsim serve`: kept open as long as that runs."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.dashboard_process import dashboard_process
from flows.local_server import HOST, end, require_free
from flows.settings_request import SettingsRequest
from pipeline.user_error import UserError

STOP_SECONDS = 10
# Before it is started again; a mistake that ends it at once must not keep the machine busy.
PAUSE_SECONDS = 10.0


@contextmanager
def kept_dashboard(request: SettingsRequest, port: int, log: Path) -> Iterator[str]:
    """Keep the dashboard open while the block runs, and yield a line that says where it is.

    It is started again when it ends. Where it cannot be opened (Streamlit is not installed, the
    port is taken) the line says why: runs go on without it. What it prints goes to `log`.
    """
    try:
        require_free(port, "is a dashboard open already? [schedule] dashboard_port names another")
        words, environment = dashboard_process(request, port)
    except UserError as error:
        yield f"no dashboard: {error}"
        return
    stop = threading.Event()
    keeper = threading.Thread(target=_keep, args=(words, environment, log, stop), daemon=True)
    keeper.start()
    try:
        yield f"dashboard: http://{HOST}:{port} (log: {log})"
    finally:
        stop.set()
        keeper.join()


def _keep(words: list[str], environment: dict[str, str], log: Path, stop: threading.Event) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    while not stop.is_set():
        with log.open("ab") as output:
            process = subprocess.Popen(
                words,
                env=environment,
                stdout=output,
                stderr=output,
                # A terminal's Ctrl-C is for `radsim serve`, which ends it in its turn.
                start_new_session=True,
            )
        while process.poll() is None and not stop.wait(0.5):
            pass
        if process.poll() is None:
            end(process, STOP_SECONDS)
        stop.wait(PAUSE_SECONDS)
