"""Two runs at once on one lake, so many times: one finishes, the other finishes or says why not.

On the lake of `kill_runs`' small hospital, which waits for its second delivery, two processes walk
the whole road, the second one starting a random while after the first (0 to 2 s). Each must end
well, or with the one line that another run is writing the lake; one of them must end well; and the
lake must then hold what one undisturbed road leaves, to the last bit (`lake_contents`).

    python -m tests.benchmarks.two_runs [--times 50] [--seed 0]
"""

import argparse
import collections
import os
import random
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from pipeline.road import STAGES
from tests.benchmarks.kill_runs import (
    PATIENCE,
    contents_of,
    ended,
    expect_success,
    forked,
    keep,
    undisturbed,
    walk,
    warm,
)
from tests.benchmarks.small_hospital import deliver

OTHER = "another run is writing this lake"


def stopped_or_done(site: Path, told: Path) -> None:
    """Walk the road; write down what it ended with, nothing where it ended well."""
    from flows.error_lines import error_line

    try:
        walk(site, STAGES[0])
        told.write_text("")
    except Exception as error:
        told.write_text(error_line(error))


def two_at_once(folder: Path, site: Path, apart: float) -> list[str]:
    """Start two roads that many seconds apart; return the line that each ended with."""
    lines = [folder / "one.txt", folder / "other.txt"]
    roads = []
    for told in lines:
        roads.append(forked(partial(stopped_or_done, site, told), folder / f"{told.stem}.log"))
        time.sleep(apart if told is lines[0] else 0.0)
    for road in roads:
        assert ended(road, PATIENCE) == 0, "a road crashed or hangs"
    return [told.read_text() for told in lines]


def main() -> None:
    """Do it as often as asked and say how the runs ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, outcomes, began = random.Random(options.seed), collections.Counter[str](), time.time()
    with tempfile.TemporaryDirectory(prefix="two-runs-") as name:
        folder, site = Path(name), Path(name) / "site"
        warm(folder)
        road = [undisturbed(folder, site, number) for number in (1, 2)][1]
        deliver(site, 2)
        for _ in range(options.times):
            keep(folder / f"before-2-{STAGES[0]}", site / "lake")
            lines = two_at_once(folder, site, chance.uniform(0.0, 2.0))
            right = "" in lines and all(line == "" or OTHER in line for line in lines)
            outcomes["both finished" if lines == ["", ""] else "one stopped with the line"] += right

            def look() -> None:
                found = contents_of(site)
                assert found == road.final, [n for n in found if found[n] != road.final.get(n)]

            try:
                expect_success(forked(look, folder / "log"), folder / "log")
            except AssertionError as error:
                right = False
                print(f"the lake differs: {error}", flush=True)
            if not right:
                outcomes["failed"] += 1
                print(f"FAILED: {lines}", flush=True)
    print(f"{dict(outcomes)} of {options.times}, {time.time() - began:.0f} s")
    sys.exit(1 if outcomes["failed"] else 0)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
