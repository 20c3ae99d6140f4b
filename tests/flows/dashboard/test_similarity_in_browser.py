"""A radiograph of one's own, uploaded: the ten nearest exams of a trained lake."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from flows.dashboard.figures_of_lake import page_of_lake
from flows.settings_request import SettingsRequest
from pipeline.lake import Lake
from pipeline.road import stage
from pipeline.settings_file import load_settings
from tests.flows.dashboard import chromium
from tests.pipeline.stages.conftest import Site
from tests.pipeline.stages.linked_site import link_site

pytestmark = pytest.mark.skipif(
    chromium.PATH is None, reason="no Chromium on this machine (apt-get install chromium)"
)
SECONDS = 60_000  # milliseconds that a page may take on a busy machine

SETTINGS = """\
[lake]
root = "lake"
[label_file]
path = "labels.csv"
[images]
path = "images"
list_file = "images.csv"
[cache]
size = 32
[manifest]
scheme = "ours.yaml"
train = 0.2
val = 0.1
test = 0.7
[train]
backbone = "efficientnet_lite0"
image_size = 32
dim = 8
head_epochs = 1
[evaluate]
k = 5
resamples = 100
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the settings file of a lake of 60 images of noise and a model of them."""
    folder = tmp_path_factory.mktemp("trained")
    link_site(Site(folder))
    config = folder / "site.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    for name in ("train", "embed"):
        stage(name)(load_settings(config))
    return config


@pytest.fixture
def address(trained: Path) -> Iterator[str]:
    with chromium.served(SettingsRequest(trained)) as where:
        yield where


def test_a_first_time_user_finds_the_ten_exams_nearest_to_a_file(
    address: str, trained: Path, tmp_path: Path
) -> None:
    own = tmp_path / "mine.png"
    Image.open(trained.parent / "images" / "E7.png").save(own)
    with chromium.browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(address)
        page.get_by_text("which exams are most similar to one, or to a file").wait_for(
            timeout=SECONDS
        )
        page.get_by_test_id("stSidebarNav").get_by_text("Similarity", exact=True).click()
        page.locator("input[type=file]").set_input_files(own)
        page.get_by_text("the radiograph asked about").wait_for(timeout=SECONDS)
        page.get_by_text("10 · distance").wait_for(timeout=SECONDS)
        # The same pixels are in the lake: nothing is nearer.
        page.get_by_text("1 · distance 0.000").wait_for(timeout=SECONDS)
        wrong = tmp_path / "letter.png"
        wrong.write_bytes(b"no picture")
        page.locator("input[type=file]").set_input_files(wrong)
        page.get_by_text("not a radiograph that RadSim uses").wait_for(timeout=SECONDS)
        assert page.get_by_text("Traceback").count() == 0


def test_the_archived_page_has_the_distances_and_names_no_image(trained: Path) -> None:
    scheme = str(trained.parent / "ours.yaml")
    settings = load_settings(trained, {"manifest": {"scheme": scheme}})
    page = page_of_lake(settings)
    assert "Distances of pairs, by whether they share a label" in page
    assert "Nothing is measured yet: run `radsim evaluate`." in page
    images = Lake.of(settings).read("images", ["image_id", "exam_id", "patient_id"])
    for name in images.column_names:
        assert not any(
            f">{value}<" in page or f'"{value}"' in page for value in images[name].to_pylist()
        )
