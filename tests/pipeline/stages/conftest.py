"""A small site: a folder with reports, a lake, and settings that name them."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from tests.pipeline.stages.linked_site import link_site

REPORTS = {
    "E1": "Heart size is normal. No pleural effusion.",
    "E2": "Large right pleural effusion.",
    "E3": "Possible left lower lobe pneumonia.",
}


class Site:
    """A hospital with one report file, and what its lake holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports = folder / "reports.csv"
        self.lake = Lake(folder / "lake")

    def deliver(self, rows: list[dict[str, Any]], file: str = "reports.csv") -> Path:
        columns = sorted({name for row in rows for name in row})
        with (self.folder / file).open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, columns)
            writer.writeheader()
            writer.writerows(rows)
        return self.folder / file

    def settings(self, **sections: dict[str, Any]) -> Settings:
        given: dict[str, Any] = {
            "lake": {"root": str(self.folder / "lake")},
            "reports": {"path": self.reports},
            "engine": {"workers": 1},
        }
        return load_settings(None, {**given, **sections})

    def column(self, table: str, name: str) -> list[Any]:
        return sorted(self.lake.read(table)[name].to_pylist())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a site whose report file holds three exams."""
    site = Site(tmp_path)
    site.deliver([{"exam_id": exam, "text": text} for exam, text in REPORTS.items()])
    return site


@pytest.fixture
def no_rows_added() -> Callable[[Lake], dict[str, int]]:
    """Return a function that counts the rows of every table and run of a lake."""

    def rows(lake: Lake) -> dict[str, int]:
        counted = {name: lake.read(name).num_rows for name in lake.versions() if name != "manifest"}
        return {**counted, "runs": lake.runs().num_rows}

    return rows


@pytest.fixture
def linked(site: Site) -> Site:
    """Return a site with a manifest of exams, half of them with an effusion, and no model."""
    link_site(site)
    return site
