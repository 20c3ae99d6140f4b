"""Wall time, processor time and peak memory of whole commands, each in a fresh folder.

    python tests/benchmarks/road_cost.py            # radsim demo, twice: from nothing, and again
    RADSIM_DATA=FOLDER python tests/benchmarks/road_cost.py --nih

Peak memory is that of the largest single process.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RADSIM = Path(sys.executable).with_name("radsim")


def measure(title: str, *words: str) -> None:
    """Run a command and print what it cost; its output goes to standard error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run([str(RADSIM), *words], check=True, stdout=sys.stderr)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # Linux gives kilobytes.
    print(f"{title:<24} {wall:6.1f} s  {cpu:6.1f} s of processor  {after.ru_maxrss / 1e6:.2f} GB")


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nih", action="store_true", help="the road on NIH radiographs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.nih:
            config = str(ROOT / "examples" / "nih.toml")
            measure("NIH radiographs", "run", "--config", config, "--lake", f"{folder}/lake")
            return
        measure("demo, from nothing", "demo", "--folder", f"{folder}/demo")
        measure("demo, again", "demo", "--folder", f"{folder}/demo")


if __name__ == "__main__":
    main()
