"""Whether RadSim installs and runs without internet: clone, wheelhouse, no routes, demo.

Clones the repository's HEAD, collects the wheelhouse there with the network (about 4 GB), then runs
`make demo` in a network namespace of its own that has the loopback device and not one route, with
pip's cache and settings out of reach (an empty home, no PIP_ variables, no pip.conf). Asserts that
no route exists there, that a connection outwards fails and that set-up and demo end green. Prints
sizes and seconds; the copy is deleted afterwards.

    python tests/benchmarks/air_gap.py [--folder FOLDER]    # Linux, 15 GB free, `unshare` and `ip`
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

# Runs inside the namespace, before the demo: 192.0.2.1 is reserved for documentation (RFC 5737).
NO_WAY_OUT = """
import socket
from pathlib import Path

ipv4 = Path("/proc/net/route").read_text().splitlines()[1:]
ipv6_table = Path("/proc/net/ipv6_route")
ipv6 = ipv6_table.read_text().splitlines() if ipv6_table.exists() else []
assert not ipv4, "the namespace has an IPv4 route"
assert all(line.split()[-1] == "lo" for line in ipv6), "the namespace has an IPv6 route"
try:
    socket.create_connection(("192.0.2.1", 443), timeout=5).close()
except OSError as error:
    print("no route:", error.strerror)
else:
    raise AssertionError("a connection outwards was made")
"""


def timed(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> float:
    """Return the seconds a command takes; raises `CalledProcessError` where it fails."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    return time.perf_counter() - start


def sealed_environment(home: Path) -> dict[str, str]:
    """Return the environment without what could lead pip to a package elsewhere on this machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    caches = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "PIP_NO_CACHE_DIR": "1"}
    return {**kept, **caches, "PIP_CONFIG_FILE": os.devnull}


def gigabytes(folder: Path) -> float:
    """Return the size of the files of a folder, in 10^9 bytes."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as work:
        clone, home = Path(work, "clone"), Path(work, "home")
        home.mkdir()
        timed(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], Path(work))
        make = ["make", f"PYTHON={sys.executable}"]
        collecting = timed([*make, "wheelhouse"], clone)
        wheels = list((clone / "wheelhouse").glob("*"))
        assert wheels
        assert all(wheel.suffix == ".whl" for wheel in wheels)
        print(
            f"wheelhouse: {len(wheels)} wheels, {gigabytes(clone / 'wheelhouse'):.2f} GB, "
            f"{collecting:.0f} s"
        )
        without_network = [
            *("unshare", "--map-root-user", "--net", "sh", "-ec"),
            'ip link set lo up; "$0" -c "$1"; shift; exec "$@"',
            *(sys.executable, NO_WAY_OUT, *make, "demo"),
        ]
        running = timed(without_network, clone, sealed_environment(home))
        assert list((clone / "radsim-demo").iterdir()), "the demo left nothing"
        print(f"set-up and demo without a route: {running:.0f} s, green")
        print(f"installed: {gigabytes(clone / '.venv'):.2f} GB")


if __name__ == "__main__":
    main()
