"""The page that a scheduled run leaves."""

from pathlib import Path

import pandas as pd
import pytest

from flows.dashboard import nightly_page
from flows.dashboard.archived_page import archived_page
from flows.dashboard.charts.figure import nothing
from flows.dashboard.nightly_page import leave_page
from pipeline.lake import Lake
from pipeline.settings_file import load_settings


def test_it_holds_counts_and_no_text_or_identifiers(site: Path) -> None:
    settings = load_settings(site)
    left = leave_page(settings)
    assert left is not None
    assert left.parent == Lake.of(settings).state_folder / "pages"
    page = left.read_text(encoding="utf-8")
    # What follows is Vega.
    told = page[: page.index("<script>")]
    assert "The last 4 runs that changed the lake" in told
    for held in ("pneumonia <", "possible left", "heart is enlarged", "E1", "E4", "P1"):
        assert held not in told


def test_without_the_dashboards_packages_there_is_no_page_and_no_failure(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly_page, "find_spec", lambda name: None)
    assert leave_page(load_settings(site)) is None


def test_words_of_tables_and_titles_are_escaped() -> None:
    rows = pd.DataFrame([{"rule": "<b>bold</b>", "share": 0.25, "by": None}])
    page = archived_page("A <i>", "made & kept", [nothing("None", "why <not>")], [("T <u>", rows)])
    told = page[: page.index("<script>")]
    for markup in ("<b>", "<i>", "<u>", "<not>"):
        assert markup not in told
    assert "&lt;b&gt;bold&lt;/b&gt;</td><td>0.25</td><td></td>" in told
