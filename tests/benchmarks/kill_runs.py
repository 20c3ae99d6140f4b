"""Kill the road at random moments: the next run must complete it to what an undisturbed one gives.

A small hospital (`small_hospital`) delivers twice. Its road, from `ingest` to `gate`, is first
run undisturbed, and the lake kept as it stood before every stage. Then, so many times: the lake is
put back to where some stage begins, the road started from there in a process group of its own, and
the group killed (SIGKILL) a random while later. The moments are spread evenly over the two roads,
with a least number for each stage of each delivery; every tenth kill of a stage that can fan out
happens with a pool of two worker processes, and every other kill of a training with its state saved
at each step. After each kill,

- the lake must show a state in which it stood between two stages of the undisturbed road, whole
  (`lake_contents` reads every table, release, model, index and cached pixel);
- the whole road must then run to its end, and the lake equal the undisturbed one: each row, vector,
  weight, pixel and figure, and the ledger with its counts; only run ids, times and what is derived
  from them aside;
- nothing that only a run under way needs may be left behind.

So that 200 kills take minutes, every process is forked from this one, which has imported everything
and read the vocabulary but run nothing; `--cold` starts a fresh interpreter for each road instead.

    python -m tests.benchmarks.kill_runs [--kills 200] [--seed 0] [--cold]
"""

import argparse
import collections
import dataclasses
import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from pipeline.road import STAGES
from tests.benchmarks.small_hospital import deliver, road_settings

DELIVERIES = (1, 2)
FANNED_OUT = ("label", "index", "cache")
# A road takes seconds; one that takes this long hangs.
PATIENCE = 180.0
COLD_START = 12.0


@dataclass(frozen=True)
class Undisturbed:
    """One delivery's road without a fault: before stage n the lake held `states[n]`."""

    states: list[str]
    seconds: list[float]
    final: dict[str, list[str]]


@dataclass(frozen=True)
class Kill:
    """When to kill: so many seconds after a stage of a delivery's road has begun."""

    delivery: int
    stage: int
    after: float
    pool: bool
    each_step: bool


def warm(folder: Path) -> None:
    """Import all that a road imports, in this process, without running anything in it."""
    modules = folder / "modules.json"

    def road() -> None:
        site = folder / "warm"
        deliver(site, 1)
        for name in STAGES:
            walk(site, name, once=True)
        contents_of(site)
        modules.write_text(json.dumps([name for name in sys.modules if name != "__main__"]))

    expect_success(forked(road, folder / "log"), folder / "log")
    for name in json.loads(modules.read_text()):
        try:
            importlib.import_module(name)
        except Exception:  # a module that another one made up, or that cannot be imported alone
            continue
    from pipeline.labelling import rule_labeler

    rule_labeler(None).label("No effusion.")  # which makes its phrase matchers


def walk(
    site: Path,
    first: str,
    *,
    once: bool = False,
    told: int | None = None,
    pool: bool = False,
    each_step: bool = False,
) -> None:
    """Run the road from a stage on (`once`: that stage alone), telling each stage as it begins."""
    from pipeline.road import stage, stages_of

    if pool:
        for module in ("labelling", "image_scan", "stages.cache"):
            importlib.import_module(f"pipeline.{module}").POOL_FROM = 0  # type: ignore[attr-defined]
    if each_step:
        from training import run_state

        run_state.RunState.is_due = lambda self: True  # type: ignore[method-assign]
    settings = road_settings(site, engine={"workers": 2 if pool else 1})
    for name in [first] if once else stages_of(settings, first):
        if told is not None:
            os.write(told, f"{name}\n".encode())
        stage(name)(settings)


def contents_of(site: Path) -> dict[str, list[str]]:
    """Return what the site's lake holds."""
    from tests.benchmarks.lake_contents import contents

    return contents(road_settings(site))


def digest_of(found: dict[str, list[str]]) -> str:
    """Return one text for all that a lake holds."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def forked(body: Callable[[], None], log: Path) -> int:
    """Run `body` in a forked process at the head of a group of its own; return its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setpgid(0, 0)
        with log.open("wb") as opened:
            os.dup2(opened.fileno(), 1)
            os.dup2(opened.fileno(), 2)
        body()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(process: int, patience: float) -> int | None:
    """Return how a process ended (minus a signal's number, as subprocess), None if it goes on."""
    until = time.monotonic() + patience
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.005)


def expect_success(process: int, log: Path) -> None:
    """Wait for a process; raise with its log if it fails or hangs."""
    code = ended(process, PATIENCE)
    if code is None:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    if code != 0:
        what = "hangs" if code is None else f"ended with {code}"
        raise AssertionError(f"{what}: {log.read_text(errors='replace')[-2000:]}")


def undisturbed(folder: Path, site: Path, number: int) -> Undisturbed:
    """Run a delivery's road, keep the lake before each stage, and return what it held."""
    told = folder / "told.json"

    def road() -> None:
        states, seconds = [], []
        for name in STAGES:
            keep(site / "lake", folder / f"before-{number}-{name}")
            states.append(digest_of(contents_of(site)))
            began = time.monotonic()
            walk(site, name, once=True)
            seconds.append(time.monotonic() - began)
        final = contents_of(site)
        told.write_text(json.dumps([[*states, digest_of(final)], seconds, final]))

    deliver(site, number)
    expect_success(forked(road, folder / "log"), folder / "log")
    return Undisturbed(*json.loads(told.read_text()))


def keep(lake: Path, copy: Path) -> None:
    """Make `copy` the same as `lake`, which may not be there yet."""
    shutil.rmtree(copy, ignore_errors=True)
    if lake.exists():
        shutil.copytree(lake, copy, symlinks=True)


def planned(
    roads: dict[int, Undisturbed], kills: int, chance: random.Random, cold: bool
) -> list[Kill]:
    """Return the moments: an even spread over both roads, and a least number for each stage."""
    places = [(number, stage) for number in DELIVERIES for stage in range(len(STAGES))]
    least = kills // (3 * len(places))
    share = collections.Counter(dict.fromkeys(places, least))
    spread = [roads[number].seconds[stage] for number, stage in places]
    left = kills - least * len(places)
    step, at, passed = sum(spread) / max(left, 1), chance.random(), 0.0
    for place, seconds in zip(places, spread, strict=True):
        passed += seconds
        while at * step < passed and left:
            share[place], at, left = share[place] + 1, at + 1, left - 1
    plan = []
    for (number, stage), count in share.items():
        for place in range(count):
            # One in each `count`-th part of the stage.
            moment = (place + chance.random()) / count * roads[number].seconds[stage]
            pool = STAGES[stage] in FANNED_OUT and place % 10 == 5
            if pool:
                moment = chance.uniform(0.0, 6.0)  # the workers have yet to import
            if cold:
                moment += chance.uniform(0.5, COLD_START)
            plan.append(Kill(number, stage, moment, pool, each_step=place % 2 == 0))
    chance.shuffle(plan)
    return plan


def started(kill: Kill, site: Path, log: Path, cold: bool) -> tuple[int, int]:
    """Start the road that is to be killed; return its process and a pipe that tells its stages."""
    reading, writing = os.pipe()
    name = STAGES[kill.stage]
    if cold:
        command = [sys.executable, "-m", "tests.benchmarks.kill_runs", "--walk", str(site), name]
        with log.open("wb") as opened:
            process = subprocess.Popen(
                [*command, str(writing)],
                stdout=opened,
                stderr=opened,
                pass_fds=[writing],
                start_new_session=True,
            ).pid
    else:
        process = forked(
            lambda: walk(site, name, told=writing, pool=kill.pool, each_step=kill.each_step), log
        )
    os.close(writing)
    return process, reading


def struck(kill: Kill, site: Path, log: Path, cold: bool) -> str | None:
    """Run the road, kill it, and return the stage it was in; None where it had ended already."""
    process, reading = started(kill, site, log, cold)
    with os.fdopen(reading) as stages:
        code = ended(process, kill.after)
        if code is None:
            os.killpg(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
            code = os.waitstatus_to_exitcode(status)
        begun = stages.read().split()
    if code == 0:
        return None
    if code != -signal.SIGKILL:
        raise AssertionError(f"failed before the kill: {log.read_text(errors='replace')[-2000:]}")
    return begun[-1] if begun else STAGES[kill.stage]


def mended(kill: Kill, site: Path, road: Undisturbed) -> None:
    """Look at the lake after a kill, run the whole road, and compare.

    Raises
    ------
    AssertionError
        Half a run was seen, the road did not come to the same end, or it left something behind.
    """
    seen = digest_of(contents_of(site))
    assert seen in road.states[kill.stage :], "after the kill, a state between two stages was seen"
    walk(site, STAGES[0])
    found = contents_of(site)
    different = [
        f"{name} ({len(found.get(name, ()))} rows, {len(road.final.get(name, ()))} expected)"
        for name in sorted({*found, *road.final})
        if found.get(name) != road.final.get(name)
    ]
    assert not different, f"at the end other than undisturbed: {', '.join(different)}"
    state = site / "lake" / "state"
    left = [str(path.relative_to(site)) for path in state.glob("training/*")]
    left += [str(path.relative_to(site)) for path in state.glob("radsim-*")]
    left += [str(path.relative_to(site)) for path in site.glob("lake/**/*partial*")]
    left += [str(path) for path in Path(tempfile.gettempdir()).glob("radsim-*")]
    assert not left, f"left behind: {', '.join(left)}"


def one_kill(
    kill: Kill, folder: Path, site: Path, road: Undisturbed, cold: bool
) -> tuple[str | None, str]:
    """Kill once and mend; return the stage that was hit (None: too late) and what failed."""
    keep(folder / f"before-{kill.delivery}-{STAGES[kill.stage]}", site / "lake")
    log = folder / "log"
    stage = None
    try:
        stage = struck(kill, site, log, cold)
        if stage is not None:
            expect_success(forked(lambda: mended(kill, site, road), log), log)
    except AssertionError as error:
        return stage or STAGES[kill.stage], str(error)
    return stage, ""


def main() -> None:
    """Kill as often as asked, print a line a stage, and fail if anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cold", action="store_true", help="a fresh interpreter for each road")
    parser.add_argument("--stages", nargs="*", default=STAGES, help="only kills of these stages")
    parser.add_argument("--walk", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.walk:
        site, name, told = options.walk
        walk(Path(site), name, told=int(told))
        return
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it, too, ends with the table
    with tempfile.TemporaryDirectory(prefix="kill-runs-") as name:
        folder, site = Path(name), Path(name) / "site"
        tempfile.tempdir = str(folder / "tmp")
        (folder / "tmp").mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir
        warm(folder)
        roads = {number: undisturbed(folder, site, number) for number in DELIVERIES}
        for number, road in roads.items():
            told = ", ".join(f"{s} {t:.2f}" for s, t in zip(STAGES, road.seconds, strict=True))
            print(f"delivery {number} undisturbed, seconds: {told}", flush=True)
        plan = planned(roads, options.kills, random.Random(options.seed), options.cold)
        plan = [kill for kill in plan if STAGES[kill.stage] in options.stages]
        failures = work_off(plan, folder, site, roads, options.cold)
    print(f"{time.monotonic() - began:.0f} s in all")
    sys.exit(1 if failures else 0)


def work_off(
    plan: list[Kill], folder: Path, site: Path, roads: dict[int, Undisturbed], cold: bool
) -> int:
    """Do the kills, until interrupted, and print a line a stage; return how many failed."""
    kills, failed, seconds = (collections.Counter[Any]() for _ in range(3))
    repeated = 0
    try:
        for kill in plan:
            began = time.monotonic()
            road = roads[kill.delivery]
            deliver(site, kill.delivery)
            stage, why = one_kill(kill, folder, site, road, cold)
            while stage is None:  # the road was faster than the undisturbed one
                repeated += 1
                kill = dataclasses.replace(kill, after=kill.after * 0.8)
                stage, why = one_kill(kill, folder, site, road, cold)
            kills[stage] += 1
            seconds[stage] += time.monotonic() - began
            if why:
                failed[stage] += 1
                print(f"FAILED in {stage}: {kill}: {why}", flush=True)
            if kills.total() % 20 == 0:
                print(f"{kills.total()} of {len(plan)} kills, {failed.total()} failed", flush=True)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print("stage      kills  failures  seconds a kill and its mending")
    for name in STAGES:
        mean = seconds[name] / max(kills[name], 1)
        print(f"{name:<10} {kills[name]:>5}  {failed[name]:>8}  {mean:.1f}")
    print(f"all        {kills.total():>5}  {failed.total():>8}; {repeated} came too late, repeated")
    return failed.total()


if __name__ == "__main__":
    main()
