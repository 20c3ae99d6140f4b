"""Pictures of the dashboard's pages for the README.

    python -m tests.flows.dashboard.screenshots SETTINGS FOLDER

SETTINGS is a settings file whose lake is full, such as the demo's (``radsim-demo/radsim.toml``).
Pages that show report text are taken of a lake made here, whose report and phantom are invented:
no real report's text goes into a picture.
"""

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.settings_request import SettingsRequest
from pipeline.demo.phantom_dicom import write_phantoms
from pipeline.road import stage
from pipeline.settings_file import load_settings
from pipeline.stage_summary import silent
from tests.flows.dashboard import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1280, 1150  # pixels
PAGES = {
    "runs": ("", HEIGHT),
    "label-quality": ("label-quality", 3_400),
    # The exam is one of the demo, whose radiographs are phantoms.
    "similarity": ("similarity?exam=CXR1016", 2_900),
}
PAGES_WITH_TEXT = {
    "evidence": ("evidence", 1_300),
    "review": ("review", 1_300),
    "quarantine": ("quarantine", HEIGHT),
}

REPORTS = """\
exam_id,patient_id,time,site,indication,comparison,findings,impression
A-1047,P-1,2026-11-03,North,"Cough and fever, evaluate for pneumonia.",None.,\
"The heart is mildly enlarged. Moderate right pleural effusion, increased. Hazy opacity at the \
left base may represent atelectasis or early pneumonia. No pneumothorax. Old healed rib fracture.",\
"Right effusion. Possible left lower lobe pneumonia; recommend follow-up."
A-1048,P-2,2026-11-02,North,,,,
"""
CODES = ("Cardiomegaly/mild", "Pleural Effusion/right/moderate")
SETTINGS = """\
[lake]
root = "lake"
[reports]
path = "reports.csv"
patient_id = "patient_id"
exam_time = "time"
site = "site"
text = ["indication", "comparison", "findings", "impression"]
[images]
path = "phantoms"
"""
DRAWN = 12_000  # milliseconds for charts to be drawn


def invented_lake(folder: Path) -> SettingsRequest:
    """Make a lake of one invented exam in the folder and return what asks for it."""
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    config = folder / "site.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    rows = [{"exam_id": "A-1047", "coding": "mesh_major", "code": code} for code in CODES]
    write_phantoms(pa.Table.from_pylist(rows), ["A-1047"], folder / "phantoms", silent)
    for name in ("ingest", "label", "index", "cache"):
        stage(name)(load_settings(config))
    return SettingsRequest(config)


def photograph_all(
    request: SettingsRequest, pages: dict[str, tuple[str, int]], folder: Path
) -> None:
    """Save a picture of each page (name -> address and height) of the lake asked for."""
    with chromium.served(request) as address, chromium.browser() as browser:
        page = browser.new_page()
        for name, (path, height) in pages.items():
            page.set_viewport_size({"width": WIDTH, "height": height})
            photograph(page, f"{address}/{path}", folder / f"{name}.png")


def photograph(page: "Page", address: str, path: Path) -> None:
    """Save what the page shows when it has come to rest."""
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(DRAWN)
    page.screenshot(path=path)


def main() -> None:
    """Take the pictures that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if chromium.PATH is None:
        raise SystemExit("there is no Chromium on this machine (apt-get install chromium)")
    photograph_all(SettingsRequest(arguments.settings), PAGES, arguments.folder)
    with tempfile.TemporaryDirectory() as folder:
        photograph_all(invented_lake(Path(folder)), PAGES_WITH_TEXT, arguments.folder)


if __name__ == "__main__":
    main()
