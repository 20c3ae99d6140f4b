"""Whether damaged inputs crash, hang or bloat a reader.

Valid files of every format are damaged at random (bytes, numbers, cuts, copies, splices of two
files) and read in worker processes, as `ingest`, `index` and `cache` would read them. A reader may
reject rows, or refuse the file by an error made for the user; anything else is a failure: another
exception, a process that dies, more than 2 s of processor time for one input, or more memory than
`MOST_MEMORY` above what the worker started with. Printed, a line a format: inputs, how many were
read and how many refused, the slowest in seconds, the greatest memory, failures.

    python -m tests.benchmarks.fuzz_inputs --inputs 100000
"""

import argparse
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.benchmarks.fuzz_damage import damaged
from tests.benchmarks.fuzz_seeds import CLASSES, seeds

MOST_SECONDS = 2.0
MOST_MEMORY = 1_500_000_000
A_TURN = 50


@dataclass
class Tally:
    """What became of the inputs of one format."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    memory: int = 0
    failures: list[str] = field(default_factory=list)


def written(folder: str, name: str, kind: str, content: bytes) -> Path:
    """Write a file of a format, and return what is read: of `mimic` the tree it lies in."""
    path = Path(folder) / f"{name}.{kind.replace(' ', '.')}"
    file = path / "p10" / "p10000032" / "s50414267.txt" if kind == "mimic" else path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return path


def reader(kind: str) -> Callable[[Path], bool]:
    """Return what reads a file of a format; it returns whether the file was read, not refused."""
    from pipeline.images import ImageRules, UnusableImage, describe_image
    from pipeline.images.decoding import read_pixels
    from pipeline.readers import read_label_file, read_reports
    from pipeline.readers.column_mapping import ColumnMapping
    from pipeline.readers.image_list import read_image_list
    from pipeline.user_error import UserError

    def image(path: Path) -> bool:
        describe_image(path, ImageRules())
        try:
            read_pixels(path)
        except (UnusableImage, OSError):
            return False
        return True

    def rows(batches: Callable[[Path], Iterator[Any]]) -> Callable[[Path], bool]:
        def read(path: Path) -> bool:
            try:
                for _ in batches(path):
                    pass
            except UserError:
                return False
            return True

        return read

    if kind in ("dicom", "png", "jpg"):
        return image
    if kind == "image list":
        return rows(lambda path: read_image_list(path, "plain"))
    if kind.endswith(" labels"):
        layout = kind.split()[0]
        return rows(lambda path: read_label_file(path, layout, scheme="s", classes=CLASSES))
    format = kind if kind in ("hl7", "fhir", "mimic") else "auto"
    return rows(lambda path: read_reports(path, ColumnMapping(), format))


def work(connection: Connection, folder: str, current: Any) -> None:
    """Read inputs by their numbers, a turn at a time, until there are no more turns."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files, readers = seeds(), {}
    everything = [content for contents in files.values() for content in contents]
    # The first use of a reader imports and compiles; that is not what is measured.
    for kind in files:
        readers[kind] = reader(kind)
        for n, content in enumerate(files[kind]):
            if not readers[kind](written(folder, "seed", kind, content)):
                raise AssertionError(f"seed {n} of {kind} is not read")
    start = _memory()
    # A hang ends the process, whatever it is stuck in.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    connection.send(None)
    while (turn := connection.recv()) is not None:
        kind, numbers = turn
        results = []
        for number in numbers:
            current.value = number
            rng = random.Random(number)
            content = damaged(rng, rng.choice(files[kind]), everything)
            path = written(folder, "input", kind, content)
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
            begun = time.process_time()
            failure, was_read = "", False
            try:
                was_read = readers[kind](path)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                failure = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
            signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = time.process_time() - begun
            results.append((number, was_read, seconds, max(_memory() - start, 0), failure))
        connection.send((kind, results))


def _memory() -> int:
    """Return the greatest memory of this process so far, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def fuzz(
    inputs: int,
    workers: int,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> dict[str, Tally]:
    """Read `inputs` damaged files, spread over all formats or those of `only`."""
    kinds = [kind for kind in seeds() if not only or kind in only]
    turns = iter(
        (kinds[n % len(kinds)], range(seed + n * A_TURN, seed + (n + 1) * A_TURN))
        for n in range(-(-inputs // A_TURN))
    )
    tallies = {kind: Tally() for kind in kinds}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="radsim-fuzz-") as folder:
        crew: dict[Connection, tuple[Any, Any, list[Any]]] = {}

        def hire() -> None:
            ours, theirs = context.Pipe()
            current = context.Value("q", -1)
            own = tempfile.mkdtemp(dir=folder)
            process = context.Process(target=work, args=(theirs, own, current), daemon=True)
            process.start()
            theirs.close()
            crew[ours] = (process, current, [])

        for _ in range(workers):
            hire()
        while crew:
            for connection in wait(list(crew)):
                assert isinstance(connection, Connection)
                process, current, turn = crew[connection]
                try:
                    answer = connection.recv()
                except EOFError:
                    process.join()
                    del crew[connection]
                    if not turn:
                        raise RuntimeError("a worker died before its first input") from None
                    kind = turn[0]
                    dead = (
                        "hang"
                        if process.exitcode == -signal.SIGPROF
                        else f"exit {process.exitcode}"
                    )
                    tallies[kind].inputs += 1
                    tallies[kind].failures.append(f"input {current.value}: {dead}")
                    hire()
                    continue
                if answer is not None:
                    _count(tallies, *answer)
                turn[:] = next(turns, ())
                connection.send(tuple(turn) if turn else None)
                if not turn:
                    process.join()
                    del crew[connection]
    return tallies


def _count(
    tallies: dict[str, Tally], kind: str, results: list[tuple[int, bool, float, int, str]]
) -> None:
    tally = tallies[kind]
    for number, was_read, seconds, memory, failure in results:
        tally.inputs += 1
        tally.read += was_read
        tally.refused += not was_read and not failure
        tally.slowest = max(tally.slowest, seconds)
        tally.memory = max(tally.memory, memory)
        if failure:
            tally.failures.append(f"input {number}: {failure}")
    if tally.memory > MOST_MEMORY:
        tally.failures.append(f"memory {tally.memory / 1e6:.0f} MB")


def main() -> None:
    """Fuzz, print what came of it, and end with 1 if a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="formats; all by default")
    asked = parser.parse_args()
    begun = time.monotonic()
    tallies = fuzz(asked.inputs, asked.workers, seed=asked.seed, only=asked.only)
    heads = ("inputs", "read", "refused", "slowest s", "peak MB", "failed")
    print(f"{'format':<16}" + "".join(f"{head:>11}" for head in heads))
    for kind, t in tallies.items():
        row = (t.inputs, t.read, t.refused, round(t.slowest, 3), t.memory // 10**6, len(t.failures))
        print(f"{kind:<16}" + "".join(f"{number:>11,}" for number in row))
    failures = [f"{kind}: {failure}" for kind, t in tallies.items() for failure in t.failures]
    total = sum(t.inputs for t in tallies.values())
    print(f"{total:,} inputs in {time.monotonic() - begun:.0f} s, {len(failures)} failures")
    print(*failures[:40], sep="\n")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
