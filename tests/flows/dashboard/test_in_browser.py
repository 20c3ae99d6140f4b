"""The pages in a browser: content, no request beyond this machine, report text never run."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from flows.dashboard.archived_page import save_page
from flows.dashboard.figures_of_lake import page_of_lake
from flows.settings_request import SettingsRequest
from pipeline.settings_file import load_settings
from tests.flows.dashboard import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(
    chromium.PATH is None, reason="no Chromium on this machine (apt-get install chromium)"
)
SECONDS = 30_000  # milliseconds that a page may take on a busy machine


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium.browser() as started:
        yield started


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with chromium.served(SettingsRequest(site)) as where:
        yield where


@pytest.fixture
def asked() -> list[str]:
    """Return a list that fills with the addresses the page asks for."""
    return []


@pytest.fixture
def page(browser: "Browser", asked: list[str]) -> "Iterator[Page]":
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    opened.close()


def test_each_page_is_reached_by_its_name_and_asks_this_machine_alone(
    page: "Page", address: str, asked: list[str]
) -> None:
    page.goto(address)
    for name, said in [
        ("Runs", "The last 4 runs that changed the lake"),
        ("Label quality", "share of 5 exams with the class positive"),
        ("Evidence", "Labels and their reasons"),
        ("Quarantine", "Waiting here with their reason: 1 row;"),
    ]:
        page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
        page.get_by_role("heading", name=name, level=1).wait_for(timeout=SECONDS)
        page.get_by_text(said).first.wait_for(timeout=SECONDS)
    assert {urlsplit(url).hostname for url in asked if url.startswith("http")} == {"127.0.0.1"}


def test_markup_in_a_report_is_shown_and_not_run(page: "Page", address: str) -> None:
    page.goto(f"{address}/evidence")
    page.get_by_label("Words in the report").fill("suspicious")
    page.keyboard.press("Enter")
    page.get_by_text("<script>document.title='run'</script>").first.wait_for(timeout=SECONDS)
    assert page.title() != "run"
    marked = page.locator(".mention", has_text="pneumonia").first
    assert marked.get_attribute("title") == "pneumonia: uncertain"


def test_a_first_time_user_finds_why_an_exam_is_labelled_uncertain_pneumonia(
    page: "Page", address: str
) -> None:
    page.goto(address)
    # The first page names where to look.
    page.get_by_text("why an exam has its labels").first.wait_for(timeout=SECONDS)
    page.get_by_test_id("stSidebarNav").get_by_text("Evidence", exact=True).click()
    page.get_by_role("textbox", name="Exam's id").fill("E1")
    page.keyboard.press("Enter")
    page.get_by_text("Exams found: 1").wait_for(timeout=SECONDS)
    marked = page.locator(".mention", has_text="pneumonia").first
    assert marked.get_attribute("title") == "pneumonia: uncertain"
    assert page.locator(".cue", has_text="possible").count() >= 1
    page.get_by_text("with the words that gave it").wait_for(timeout=SECONDS)


def test_a_first_time_user_finds_which_class_drifted_and_the_way_to_its_reports(
    page: "Page", address: str
) -> None:
    page.goto(address)
    page.get_by_text("Which class drifted").first.wait_for(timeout=SECONDS)
    page.get_by_test_id("stSidebarNav").get_by_text("Label quality", exact=True).click()
    page.get_by_text("Drifted at the last measurement").wait_for(timeout=SECONDS)
    page.get_by_text("20.0% before, 60.0% now").wait_for(timeout=SECONDS)
    link = page.get_by_role("link", name="show its reports")
    shown = urlsplit(str(link.evaluate("link => link.href")))
    assert shown._replace(query="").geturl() == f"{address}/evidence"
    assert "class=Pneumonia" in shown.query


def test_the_archived_page_draws_its_charts_with_nothing_but_itself(
    page: "Page", site: Path, asked: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    save_page(file, page_of_lake(load_settings(site)))
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.locator("svg").first.wait_for(timeout=SECONDS)
    assert asked == [file.as_uri()]
    assert complaints == []
    assert page.locator("svg").count() >= 4
    assert file.stat().st_size < 1_500_000
    # Its policy lets no other script run.
    page.evaluate(
        "() => { const other = document.createElement('script');"
        " other.text = 'document.title = \"run\"'; document.body.append(other); }"
    )
    assert page.title() != "run"


def test_keys_decide_a_class_and_take_it_back(page: "Page", address: str) -> None:
    page.goto(f"{address}/review")
    page.get_by_text("0 decided").wait_for(timeout=SECONDS)
    page.get_by_text("The labels say").first.wait_for(timeout=SECONDS)
    press(page, "2", "1 decided")
    press(page, "z", "0 decided")


def press(page: "Page", key: str, told: str) -> None:
    """Press a key until the page tells what came of it, as a person does.

    Streamlit drops a key that is pressed while the page is still being written, on a busy machine
    even one that has come to rest just now; a key that is dropped has no later effect.
    """
    for _ in range(4):
        page.locator("[data-test-script-state='notRunning']").wait_for(timeout=SECONDS)
        page.wait_for_timeout(500)  # milliseconds
        page.keyboard.press(key)
        try:
            page.get_by_text(told).wait_for(timeout=SECONDS // 3)
        except Exception as error:
            if "Timeout" not in type(error).__name__:
                raise
        else:
            return
    raise AssertionError(f"key {key} does nothing: the page never tells {told!r}")


def test_markup_in_the_sentence_under_review_is_shown_and_not_run(
    page: "Page", address: str
) -> None:
    page.goto(f"{address}/review")
    page.get_by_text("E6: the report leaves it uncertain").wait_for(timeout=SECONDS)
    sentence = page.locator(".sentences").get_by_text("<script>document.")
    sentence.first.wait_for(timeout=SECONDS)
    page.get_by_text("<script>document.title='run'</script>").first.wait_for(timeout=SECONDS)
    assert page.title() != "run"
