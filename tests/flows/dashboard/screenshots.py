"""Pictures of the dashboard's pages for the README.

    python -m tests.flows.dashboard.screenshots SETTINGS FOLDER

SETTINGS is a settings file whose lake is full, such as the demo's (``radsim-demo/radsim.toml``).
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from flows.settings_request import SettingsRequest
from tests.flows.dashboard import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = {"runs": "", "label-quality": "label-quality", "evidence": "evidence"}
WIDTH, MOST_HEIGHT = 1280, 1150  # pixels
DRAWN = 3_000  # milliseconds for charts to be drawn


def photograph(page: "Page", address: str, path: Path) -> None:
    """Save what the page shows when it has come to rest."""
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(DRAWN)
    if address.endswith("evidence"):
        page.get_by_label("Exam", exact=True).last.fill("CXR1001")
        page.keyboard.press("Enter")
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
    request = SettingsRequest(arguments.settings)
    with chromium.served(request) as address, chromium.browser() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": MOST_HEIGHT})
        for name, path in PAGES.items():
            photograph(page, f"{address}/{path}", arguments.folder / f"{name}.png")


if __name__ == "__main__":
    main()
