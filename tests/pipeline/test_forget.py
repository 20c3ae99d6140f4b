"""A patient who is forgotten is nowhere under the lake: no table, old version, file or cache."""

import csv
import functools
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import pipeline.purge
from data_contracts import schemas
from labelers import load_scheme
from pipeline.contracts import whole
from pipeline.forget import forget
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.manifests import current_release, release_of, releases
from pipeline.models import model_path
from pipeline.pseudonyms import KEY_VARIABLE, Pseudonymiser
from pipeline.road import stage
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.user_error import UserError
from pipeline.withdrawals import models_of_withdrawn
from training.gallery_index import GalleryIndex

ANNA = "PATIENT-ANNA"
EXAMS = {
    "ACC-1001": (ANNA, "Striped opacity like a zebra in the right upper lobe. Pneumonia."),
    "ACC-1002": (ANNA, "The striped opacity has resolved. No effusion."),
    "ACC-2001": ("PATIENT-BERT", "Large left pleural effusion."),
    "ACC-3001": ("PATIENT-CARL", "Heart size is normal. The lungs are clear."),
}
# Nobody says whose report it is, but its image is of Anna.
UNSIGNED = ("ACC-1003", "Zebra crossing seen again. Possible pneumonia.")
# An exam of hers never got further than quarantine, so only the site knows that it is hers.
WHO = (ANNA, "exam:ACC-1009")
ROAD = ("ingest", "label", "index", "cache", "link")
MODEL = "model-before"


def write_csv(file: Path, rows: list[tuple[str, ...]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows(rows)


def deliver(folder: Path, exams: dict[str, tuple[str, str]]) -> None:
    """Write reports and images of the exams; a report that is empty goes into quarantine."""
    reports = [(exam, patient, text) for exam, (patient, text) in exams.items()]
    bad = [("ACC-1009", ANNA, "")]
    write_csv(folder / "reports.csv", [("exam_id", "patient_id", "text"), *reports, *bad])
    owners = [(f"{exam}.png", exam, patient or ANNA) for exam, (patient, _) in exams.items()]
    write_csv(folder / "images.csv", [("path", "exam_id", "patient_id"), *owners])
    (folder / "images").mkdir(exist_ok=True)
    for exam in exams:
        noise = np.random.default_rng(int(exam[4:])).integers(40, 255, (48, 48)).astype(np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{exam}.png")
    classes = load_scheme("chexpert14").classes
    states = [("ACC-1001", *("1" for _ in classes)), ("ACC-2001", *("0" for _ in classes))]
    write_csv(folder / "labels.csv", [("exam_id", *classes), *states])


def settings_of(folder: Path) -> Settings:
    given = {
        "lake": {"root": str(folder / "lake")},
        "reports": {"path": folder / "reports.csv", "patient_id": "patient_id"},
        "label_file": {"path": folder / "labels.csv"},
        "images": {"path": folder / "images", "list_file": folder / "images.csv"},
        "cache": {"size": 32},
        "engine": {"workers": 1},
    }
    return load_settings(None, given)


def train_and_embed(settings: Settings) -> None:
    """Write a model of the current release, its embeddings and index, without training."""
    lake = Lake.of(settings)
    exams = [Pseudonymiser.of(settings).one(exam) for exam in ("ACC-1001", "ACC-2001")]
    release = current_release(lake)
    images = lake.read("images")["image_id"].to_pylist()
    vectors = np.eye(len(images), 8, dtype=np.float32)
    with Run(lake, "train", {"exams": exams}) as run:
        model = {
            "model_id": MODEL,
            "settings": "{}",
            "manifest_version": release.version,
            "manifest_digest": release.digest,
            "seed": 0,
            "measures": "{}",
            "path": f"{model_path(MODEL)}/model.safetensors",
        }
        bare = pa.schema([f for f in schemas.MODELS if f.name in model])
        rows = run.stamped(pa.Table.from_pylist([model], bare), release.path, "a" * 64)
        run.append("models", whole(run, "models", rows))
        embedded = pa.table(
            {"model_id": [MODEL] * len(images), "image_id": images, "embedding": list(vectors)}
        )
        run.append("embeddings", run.stamped(embedded, release.path, "b" * 64))
        run.commit({})
    folder = Path(lake.root) / model_path(MODEL)
    GalleryIndex.build(vectors, images, MODEL).save(folder)
    broken_off = lake.state_folder / "training" / "model-other"
    broken_off.mkdir(parents=True)
    (broken_off / "features.npy").write_bytes(b"ACC-1001")


def a_run_that_dies(lake: Lake) -> None:
    """Leave files of a run that never committed: they hold Anna too."""
    reports = lake.read("reports")
    with Run(lake, "ingest", {}) as run:
        run.append("reports", reports)
    shard = np.full((1, 32, 32), 77, np.uint8)
    np.save(lake.state_folder / "pixels" / "32px" / "dead-0000.npy", shard)
    unpublished = Path(lake.root) / "manifests" / "000009"
    unpublished.mkdir()
    pq.write_table(reports.select(["exam_id", "patient_id"]), unpublished / "manifest.parquet")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what gives, for a key, the folder of a lake of three releases.

    All but the first of them hold Anna.
    """
    others = {exam: told for exam, told in EXAMS.items() if told[0] != ANNA}
    deliveries = [others, EXAMS, {**EXAMS, UNSIGNED[0]: ("", UNSIGNED[1])}]

    @functools.cache
    def folder_of(key: str) -> Path:
        folder = tmp_path_factory.mktemp("forget")
        settings = settings_of(folder)
        for exams in deliveries:
            deliver(folder, exams)
            for name in ROAD:
                stage(name)(settings)
        train_and_embed(settings)
        Lake.of(settings).table("reports").create_checkpoint()
        a_run_that_dies(Lake.of(settings))
        # The sources let go of Anna first, as a site would do it.
        deliver(folder, others)
        return folder

    return folder_of


@pytest.fixture
def site(
    request: pytest.FixtureRequest,
    delivered: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """Return the settings of a copy of that lake; without a key, or with the parameter's."""
    key = getattr(request, "param", "")
    monkeypatch.setenv(KEY_VARIABLE, key)
    shutil.copytree(delivered(key), tmp_path / "site")
    return settings_of(tmp_path / "site")


with_and_without_key = pytest.mark.parametrize(
    "site", ["", "a key of the site, long enough"], ids=["plain", "keyed"], indirect=True
)


def ids_of(settings: Settings) -> list[str]:
    """Return every id of Anna, as sources name them and as the lake keeps them."""
    exams = ["ACC-1001", "ACC-1002", "ACC-1003", "ACC-1009"]
    plain = [ANNA, *exams]
    lake = Lake.of(settings)
    pseudonymiser = Pseudonymiser.of(settings)
    kept = [pseudonymiser.one(name) for name in plain]
    images = lake.read("images").to_pylist()
    return [*plain, *kept, *(row["image_id"] for row in images if row["patient_id"] in kept)]


def everything_in(folder: Path) -> dict[str, str]:
    """Return each file under a folder as text: its bytes, and decoded if it is Parquet."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            text = file.read_bytes().decode("latin-1")
            if file.suffix == ".parquet":
                read = pq.ParquetFile(file)
                text += f"{read.metadata.metadata} {read.read().to_pydict()}"
            found[str(file.relative_to(folder))] = text
    return found


def assert_gone(settings: Settings, ids: list[str]) -> None:
    for file, text in everything_in(Path(settings.lake.root)).items():
        for name in [*ids, "zebra", "Zebra", "triped"]:
            assert name not in text, (file, name)


@with_and_without_key
def test_nothing_under_the_lake_names_the_patient_or_holds_their_text(site: Settings) -> None:
    ids = ids_of(site)
    held = "".join(everything_in(Path(site.lake.root)).values())
    assert "zebra" in held
    assert sum(name in held for name in ids) >= 8
    summary = forget(site, WHO)
    assert summary.counts["exams"] >= 3
    assert_gone(site, ids)


@with_and_without_key
def test_the_other_patients_stay_whole(site: Settings) -> None:
    lake = Lake.of(site)
    pseudonymiser = Pseudonymiser.of(site)
    mine = {pseudonymiser.one(exam) for exam in (*EXAMS, UNSIGNED[0]) if exam.startswith("ACC-1")}
    images = {r["image_id"] for r in lake.read("images").to_pylist() if r["exam_id"] in mine}

    def others() -> dict[str, list[str]]:
        found = {}
        for name in sorted(lake.versions().keys() - {"manifest", "quarantine", "splits"}):
            rows = lake.read(name).to_pylist()
            found[name] = sorted(
                str(row)
                for row in rows
                if row.get("exam_id") not in mine and row.get("image_id") not in images
            )
        return found

    before = others()
    forget(site, WHO)
    assert others() == before
    assert before["reports"]
    assert lake.read("splits").num_rows == 2


def test_it_is_one_run_whose_row_names_the_releases_withdrawn(site: Settings) -> None:
    lake = Lake.of(site)
    before = lake.runs().num_rows
    forget(site, WHO)
    assert lake.runs().num_rows == before + 1
    row = lake.runs().sort_by("committed_at").to_pylist()[-1]
    assert row["stage"] == "forget"
    assert json.loads(row["parameters"])["withdrawn"] == [2, 3]
    assert [release.version for release in releases(lake)] == [1]
    assert not list(Path(lake.root).glob("manifests/00000[239]/*"))
    with pytest.raises(UserError, match="manifest 3 was withdrawn"):
        release_of(lake, 3)


def test_models_trained_on_a_withdrawn_release_are_marked(site: Settings) -> None:
    lake = Lake.of(site)
    summary = forget(site, WHO)
    assert models_of_withdrawn(lake) == [MODEL]
    assert (Path(lake.root) / model_path(MODEL) / "withdrawn.json").is_file()
    assert any(MODEL in note for note in summary.notes)
    assert not (Path(lake.root) / model_path(MODEL) / "gallery.json").exists()


def test_the_next_release_has_a_new_number_and_holds_the_others(site: Settings) -> None:
    forget(site, WHO)
    for name in ROAD:
        stage(name)(site)
    deliver_one_more = dict(list(EXAMS.items())[2:]) | {
        "ACC-4001": ("PATIENT-DORA", "Cardiomegaly.")
    }
    deliver(Path(site.lake.root).parent, deliver_one_more)
    for name in ROAD:
        stage(name)(site)
    assert [release.version for release in releases(Lake.of(site))] == [1, 4]
    assert current_release(Lake.of(site)).exams == 3


def test_versions_without_the_patient_can_still_be_read(site: Settings) -> None:
    lake = Lake.of(site)
    forget(site, WHO)
    assert lake.read("reports", version=0).num_rows == 2
    with pytest.raises(UserError, match="cannot be read"):
        lake.read("reports", version=1)


def test_their_pixels_are_blank_and_the_others_are_not(site: Settings) -> None:
    folder = Path(site.lake.root) / "state" / "pixels" / "32px"
    forget(site, WHO)
    squares = np.concatenate([np.load(shard) for shard in sorted(folder.iterdir())])
    dark = [not square.any() for square in squares]
    assert (sum(dark), len(dark)) == (3, 5)


@pytest.mark.parametrize("moment", ["_remove_indexes", "_remove_data_files", "_mark_models"])
def test_killed_while_it_removes_files_the_same_command_goes_on(
    site: Settings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    ids = ids_of(site)
    works = getattr(pipeline.purge, moment)
    calls = 0

    def dies(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3 or moment != "_remove_data_files":
            raise KeyboardInterrupt
        return works(*args)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline.purge, moment, dies)
        with pytest.raises(KeyboardInterrupt):
            forget(site, WHO)
    journal = Path(site.lake.root) / "state" / "forgetting.json"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    forget(site, WHO)
    assert_gone(site, ids)
    assert not journal.exists()


def test_a_patient_the_lake_does_not_know_is_told_without_the_id(site: Settings) -> None:
    before = Lake.of(site).runs().num_rows
    with pytest.raises(UserError, match="holds that patient") as told:
        forget(site, ["PATIENT-EMIL"])
    assert "EMIL" not in str(told.value)
    assert Lake.of(site).runs().num_rows == before


def test_an_exam_of_an_unknown_patient_is_forgotten_by_its_own_id(tmp_path: Path) -> None:
    deliver(tmp_path, {"ACC-5001": ("", "Striped opacity."), "ACC-6001": ("", "No effusion.")})
    file = tmp_path / "images.csv"
    file.write_text(file.read_text().replace(ANNA, ""), encoding="utf-8")
    settings = settings_of(tmp_path)
    for name in ROAD:
        stage(name)(settings)
    forget(settings, ["exam:ACC-5001"])
    assert_gone(settings, ["ACC-5001"])
    assert Lake.of(settings).read("reports")["exam_id"].to_pylist() == ["ACC-6001"]
