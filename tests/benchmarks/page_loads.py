"""Seconds until each page of the dashboard shows its content, by the size of the lake.

For each lake (see `large_lake`) the figures are first counted once, as the archived page of a
night's run does; that time is told apart. Then the dashboard is started, its first page opened once
to warm it up, and every page opened in headless Chromium: until its heading stands (first paint of
content) and until its last text or table does. Memory is the greatest of the dashboard's process.

    python -m tests.benchmarks.page_loads LAKE [LAKE ...]
"""

import argparse
import re
import time
from pathlib import Path

import psutil

from flows.dashboard.nightly_page import leave_page
from flows.settings_request import SettingsRequest
from pipeline.figures.lake_queries import LakeQueries
from pipeline.lake import Lake
from tests.flows.dashboard import chromium

PAGES = {
    "": "Run a stage again",
    "label-quality": "Classes positive together",
    "evidence": "Radiograph",
    "review": "Not mentioned",
    "quarantine": "in quarantine",
}
SIMILARITY = {"similarity": "Distances of pairs"}  # of a lake with embeddings
TIMES = 3


def measure(lake: Path) -> None:
    """Print the figures of one lake."""
    request = SettingsRequest(None, (("lake.root", str(lake)),))
    began = time.monotonic()
    leave_page(request.load())
    print(f"{lake}: figures counted and page made in {time.monotonic() - began:.1f} s")
    with chromium.served(request) as address, chromium.browser() as browser:
        port = address.rpartition(":")[2]
        server = next(p for p in psutil.process_iter() if _serves(p, port))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.get_by_text(PAGES[""]).first.wait_for()
        embedded = LakeQueries(Lake.of(request.load())).has("embeddings")
        for path, last in {**PAGES, **(SIMILARITY if embedded else {})}.items():
            first, whole = [], []
            for _ in range(TIMES):
                began = time.monotonic()
                page.goto(f"{address}/{path}")
                page.get_by_role("heading", level=1).wait_for()
                first.append(time.monotonic() - began)
                page.get_by_text(re.compile(last)).last.wait_for()
                whole.append(time.monotonic() - began)
            told = ", ".join(f"{a:.2f}/{b:.2f}" for a, b in zip(first, whole, strict=True))
            print(f"  {path or 'runs':14} heading/whole, s: {told}")
        print(f"  memory {server.memory_info().rss / 1e6:,.0f} MB")


def _serves(process: psutil.Process, port: str) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return "streamlit" in words and port in words


def main() -> None:
    """Measure the lakes that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lakes", type=Path, nargs="+")
    for lake in parser.parse_args().lakes:
        measure(lake)


if __name__ == "__main__":
    main()
