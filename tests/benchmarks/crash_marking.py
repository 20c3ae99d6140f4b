"""How soon a run whose process died is marked as crashed, and whether its work is taken up.

On a site of invented reports, with SIGKILL and so without a chance to say anything:

- *run*: the process of the run dies, `radsim serve` and its server live;
- *serve*: `radsim serve` dies with all that it started, and is started again;
- *worker*: on an existing server with a work pool (`radsim deploy`), the worker and the run die
  together, as a machine does.

- *long*: nothing dies, but the run takes longer than ``[schedule] longest_run_hours``, as one does
  that hangs; its process must then be gone.

Told are the seconds from the death (for *serve*: from the new start) until Prefect's state of the
run, and of the runs inside it, is Crashed, and for *serve* the state of the run that takes the
work up.

    python -m tests.benchmarks.crash_marking [--times 3] [--kind run serve worker long]
"""

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RADSIM = Path(sys.executable).with_name("radsim")
PREFECT = Path(sys.executable).with_name("prefect")
LIMIT, PATIENCE = 120.0, 300.0


def write_site(folder: Path, port: int, reports: int = 40_000, hours: float = 20) -> Path:
    """Write reports enough to be at work for a while, and their settings file."""
    chance = random.Random(0)
    findings = ("effusion", "pneumothorax", "consolidation", "cardiomegaly", "edema", "fracture")
    with (folder / "reports.csv").open("w", encoding="utf-8") as stream:
        stream.write("exam_id,text\n")
        for number in range(reports):
            first, second = chance.sample(findings, 2)
            stream.write(f"E{number},Comparison {number}. There is {first}. No {second}.\n")
    file = folder / "site.toml"
    file.write_text(
        '[lake]\nroot = "lake"\n[reports]\npath = "reports.csv"\n[engine]\nworkers = 1\n'
        f'[schedule]\ncron = ""\nport = {port}\ndashboard_port = 0\nlongest_run_hours = {hours}\n',
        encoding="utf-8",
    )
    return file


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
    """Return what the server answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/{path}",
        data=None if method == "GET" else json.dumps(body or {}).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    for _ in range(20):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            # Its database is busy for a moment.
            if error.code != 503:
                raise
            time.sleep(0.5)
    raise TimeoutError(f"{path}: the server stays busy")


def wait_for(what: str, found: Any, of: "subprocess.Popen[bytes] | None" = None) -> Any:
    """Return what `found` finds, as soon as it finds something.

    Raises
    ------
    TimeoutError
        It found nothing.
    """
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        assert of is None or of.poll() is None, f"{what}: the process has ended"
        with contextlib.suppress(urllib.error.URLError, OSError):
            if it := found():
                return it
        time.sleep(0.5)
    raise TimeoutError(f"{what}: nothing in {PATIENCE:.0f} s")


def start_run(port: int) -> str:
    """Start a run of the road and return its id as soon as a stage of it runs."""
    deployments = wait_for("deployments", lambda: ask(port, "deployments/filter"))
    (road,) = [d for d in deployments if d["entrypoint"].endswith("road_flow")]
    run = ask(port, f"deployments/{road['id']}/create_flow_run", {"parameters": road["parameters"]})
    wait_for("a stage", lambda: running_inside(port, run["id"]))
    return str(run["id"])


def runs_of(port: int, parent: str) -> list[dict[str, Any]]:
    """Return a run and the runs inside it."""
    every = ask(port, "flow_runs/filter")
    first = next(run["start_time"] for run in every if run["id"] == parent)
    return [
        run
        for run in every
        if run["id"] == parent
        or (run["parent_task_run_id"] and run["start_time"] and run["start_time"] >= first)
    ]


def running_inside(port: int, parent: str) -> bool:
    """Say whether a stage of the run is at work."""
    states = [run["state_type"] for run in runs_of(port, parent) if run["id"] != parent]
    return "RUNNING" in states


def seconds_until_crashed(port: int, parent: str, since: float) -> tuple[float, float]:
    """Return when the run was marked, and when the last of those inside it was."""

    def marked(everything: bool) -> bool:
        states = [
            run["state_type"] for run in runs_of(port, parent) if everything or run["id"] == parent
        ]
        return all(state not in ("RUNNING", "PENDING") for state in states)

    wait_for("the mark", lambda: marked(False))
    first = time.monotonic() - since
    wait_for("the marks", lambda: marked(True))
    (run,) = [run for run in runs_of(port, parent) if run["id"] == parent]
    assert run["state_type"] == "CRASHED", run["state_type"]
    return first, time.monotonic() - since


def processes(words: str) -> list[int]:
    """Return the processes whose command line holds the words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words in command and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def kill(pids: list[int]) -> None:
    """Kill processes as a power cut would."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Return the processes that the process started, and those that these did."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found, due = [], [pid]
    while due:
        due = [child for one in due for child in children.get(one, [])]
        found += due
    return found


@contextlib.contextmanager
def started(log: Path, *words: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command; end it and what it started afterwards."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(words), stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        yield process
    finally:
        kill([*descendants(process.pid), process.pid])
        process.wait()


def run_dies(folder: Path) -> str:
    """Kill the process of a run."""
    port = free_port()
    site = write_site(folder, port)
    with started(folder / "log", str(RADSIM), "serve", "--config", str(site)) as serve:
        wait_for("serve", lambda: "Ctrl-C" in (folder / "log").read_text(), serve)
        run = start_run(port)
        below = set(descendants(serve.pid)) & set(processes("-m prefect.engine"))
        assert below, "no process of the run"
        died = time.monotonic()
        kill([*below, *(pid for one in below for pid in descendants(one))])
        first, last = seconds_until_crashed(port, run, died)
    assert last < LIMIT, last
    return f"marked after {first:.1f} s, the stage inside it after {last:.1f} s"


def serve_dies(folder: Path) -> str:
    """Kill `radsim serve` with all that it started, and start it again."""
    port = free_port()
    site = write_site(folder, port)
    words = [str(RADSIM), "serve", "--config", str(site)]
    with started(folder / "log", *words) as serve:
        wait_for("serve", lambda: "Ctrl-C" in (folder / "log").read_text(), serve)
        run = start_run(port)
        kill([*descendants(serve.pid), serve.pid])
    again = time.monotonic()
    with started(folder / "log2", *words) as serve:
        wait_for("serve", lambda: "Ctrl-C" in (folder / "log2").read_text(), serve)
        _, last = seconds_until_crashed(port, run, again)

        def taken_up() -> Any:
            ended = ("COMPLETED", "FAILED", "CRASHED")
            every = ask(port, "flow_runs/filter")
            return [r for r in every if "taken-up" in r["tags"] and r["state_type"] in ended]

        (taken,) = wait_for("the work taken up", taken_up)
    assert last < LIMIT, last
    assert taken["state_type"] == "COMPLETED", (taken["state_type"], taken["state"]["message"])
    return f"marked {last:.1f} s after the new start; the work was taken up and completed"


def worker_dies(folder: Path) -> str:
    """Kill a worker of a work pool with the run that it carries out."""
    port = free_port()
    site = write_site(folder, port)
    server_of = {
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_HOME": str(folder / "prefect"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    environment = {**os.environ, **server_of}

    def done(*words: str) -> str:
        return subprocess.run(
            words, env=environment, check=True, capture_output=True, text=True
        ).stdout

    serve = (str(PREFECT), "server", "start", "--port", str(port))
    with started(folder / "server.log", *serve, **server_of):
        wait_for("server", lambda: ask(port, "health", method="GET"))
        done(str(PREFECT), "work-pool", "create", "hospital", "--type", "process")
        done(str(RADSIM), "deploy", "--pool", "hospital", "--config", str(site))
        work = (str(PREFECT), "worker", "start", "--pool", "hospital")
        with started(folder / "worker.log", *work, **server_of) as worker:
            run = start_run(port)
            died = time.monotonic()
            kill([*descendants(worker.pid), worker.pid])
            first, last = seconds_until_crashed(port, run, died)
    assert last < LIMIT, last
    return f"marked after {first:.1f} s, the stage inside it after {last:.1f} s"


def run_takes_too_long(folder: Path) -> str:
    """Let a run take longer than it may."""
    port, hours = free_port(), 0.003
    site = write_site(folder, port, reports=600_000, hours=hours)
    with started(folder / "log", str(RADSIM), "serve", "--config", str(site)) as serve:
        wait_for("serve", lambda: "Ctrl-C" in (folder / "log").read_text(), serve)
        run, began = start_run(port), time.monotonic()

        def ended() -> Any:
            (state,) = [one["state_type"] for one in runs_of(port, run) if one["id"] == run]
            return state if state not in ("RUNNING", "CANCELLING") else None

        state, took = wait_for("the end", ended), time.monotonic() - began
        left = set(descendants(serve.pid)) & set(processes("-m prefect.engine"))
    assert state == "CANCELLED", state
    assert not left, "its process lives"
    return f"allowed {hours * 3600:.0f} s, ended after {took:.1f} s; its process is gone"


KINDS = {"run": run_dies, "serve": serve_dies, "worker": worker_dies, "long": run_takes_too_long}


def main() -> None:
    """Kill as often as asked, and say what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS))
    options = parser.parse_args()
    for kind in options.kind:
        for _ in range(options.times):
            with tempfile.TemporaryDirectory(prefix="crash-") as name:
                print(f"{kind:<7} {KINDS[kind](Path(name))}", flush=True)


if __name__ == "__main__":
    main()
