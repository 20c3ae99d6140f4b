"""A vacuum makes the lake smaller and spares what is current, recent, or behind a model."""

import tarfile
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.kept_versions import kept_versions
from pipeline.lake import Lake
from pipeline.lake_labels import labels_of_lake
from pipeline.lake_run import Run
from pipeline.manifests import read_manifest, releases
from pipeline.migration import migrate
from pipeline.run_history import finished_runs, table_versions
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError
from pipeline.vacuum import vacuum

LAYOUT_1 = Path(__file__).parent / "lakes" / "layout_1.tar.xz"
TABLES = ("reports", "labels", "mentions", "images", "pixels", "splits", "quarantine")


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """Return settings of a lake of two releases, each with versions of its own behind it."""
    with tarfile.open(LAYOUT_1) as archive:
        archive.extractall(tmp_path, filter="data")
    settings = load_settings(None, {"lake": {"root": str(tmp_path / "lake")}})
    migrate(settings)
    return settings


def rows(lake: Lake) -> dict[str, list[str]]:
    return {name: sorted(map(str, lake.read(name).to_pylist())) for name in TABLES}


def readable(lake: Lake, table: str) -> list[int]:
    return [found.version for found in table_versions(lake, table) if found.readable]


def train_on(lake: Lake, number: int) -> None:
    """Write a model of a release, without training."""
    release = next(release for release in releases(lake) if release.version == number)
    row = {
        "model_id": "model-1",
        "settings": "{}",
        "manifest_version": number,
        "manifest_digest": release.digest,
        "seed": 0,
        "measures": "{}",
        "path": "models/model-1/model.safetensors",
    }
    with Run(lake, "train", {}) as run:
        bare = pa.schema([field for field in schemas.MODELS if field.name in row])
        model = run.stamped(pa.Table.from_pylist([row], bare), release.path, "a" * 64)
        run.append("models", whole(run, "models", model))
        run.commit({})


def test_old_versions_go_and_the_current_ones_and_all_releases_stay(site: Settings) -> None:
    lake = Lake.of(site)
    before = rows(lake)
    assert readable(lake, "reports") == [0, 2, 3, 4]
    summary = vacuum(site, keep_days=0)
    assert summary.counts == {}
    assert summary.outcome == "committed"
    assert rows(lake) == before
    # Versions 2 and 3 have the files of the current one.
    assert readable(lake, "reports") == [2, 3, 4]
    assert [read_manifest(lake, release).num_rows for release in releases(lake)] == [3, 4]
    with pytest.raises(UserError, match="version 0 of reports cannot be read"):
        lake.read("reports", version=0)


def test_versions_behind_a_model_stay_with_their_mentions(site: Settings) -> None:
    lake = Lake.of(site)
    train_on(lake, 1)
    vacuum(site, keep_days=0)
    assert 0 in readable(lake, "reports")
    assert 0 in readable(lake, "mentions")
    labels = labels_of_lake(lake.root, None, (), version=0)
    assert labels.mentions is not None


def test_what_runs_of_the_last_days_used_stays(site: Settings) -> None:
    lake = Lake.of(site)
    last = finished_runs(lake)[-3].at  # of the second link; migrations follow
    a_month_on = last + timedelta(days=29)
    assert 0 in kept_versions(lake, 30, a_month_on)["labels"]
    assert 0 not in kept_versions(lake, 30, last + timedelta(days=31))["labels"]
    assert vacuum(site).notes == ("there is nothing to remove",)


def test_a_dry_run_says_the_same_and_removes_nothing(site: Settings) -> None:
    lake = Lake.of(site)
    would = vacuum(site, keep_days=0, dry_run=True)
    assert would.outcome == "unchanged"
    assert readable(lake, "reports") == [0, 2, 3, 4]
    did = vacuum(site, keep_days=0)
    assert did.notes[:-1] == would.notes[:-1]
    assert would.notes[-1].replace("would free", "freed") == did.notes[-1]
    run = finished_runs(lake)[-1]
    assert (run.stage, run.counts["data files"]) == ("vacuum", 3)
    assert vacuum(site, keep_days=0).notes == ("there is nothing to remove",)


def test_what_broken_off_work_left_goes(site: Settings) -> None:
    lake = Lake.of(site)
    root = Path(lake.root)
    with Run(lake, "ingest", {}) as run:
        run.append("reports", lake.read("reports"))  # and dies
    (root / "manifests" / "000007").mkdir()
    left = [
        root / "manifests" / "000007" / "manifest.parquet",
        root / "models" / "model-none" / "model.safetensors",
        root / "state" / "training" / "model-2" / "features.npy",
        root / "state" / "radsim-intake-x" / "reports.parquet",
        root / "state" / "pixels" / "32px" / "dead.npy",
    ]
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half")
    before = rows(lake)
    vacuum(site)
    assert [file for file in left if file.exists()] == [left[2]]
    vacuum(site, keep_days=0)
    assert not left[2].exists()
    assert rows(lake) == before
    assert len(list((root / "state" / "pixels" / "32px").iterdir())) == 1


def test_a_vacuumed_lake_takes_the_next_delivery(site: Settings, tmp_path: Path) -> None:
    with Run(Lake.of(site), "ingest", {}) as run:
        run.append("reports", Lake.of(site).read("reports"))  # and dies
    vacuum(site, keep_days=0)
    file = tmp_path / "reports.csv"
    file.write_text("exam_id,text\nE7,No pneumothorax.\n", encoding="utf-8")
    settings = load_settings(None, {"lake": {"root": site.lake.root}, "reports": {"path": file}})
    assert ingest(settings).counts["new"] == 1
    assert sorted(Lake.of(site).read("reports")["exam_id"].to_pylist())[-1] == "E7"


def test_many_runs_are_made_few_files_and_none_is_lost(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.vacuum._LEDGER_FILES", 5)
    lake = Lake.of(site)
    before = lake.runs().sort_by("committed_at").to_pylist()
    vacuum(site, keep_days=0)
    assert lake.runs().sort_by("committed_at").to_pylist()[:-1] == before
    assert len(list((Path(lake.root) / "tables" / "runs").glob("*.parquet"))) == 2


def test_nights_of_amendments_do_not_make_the_lake_grow(tmp_path: Path) -> None:
    settings = load_settings(
        None,
        {"lake": {"root": str(tmp_path / "lake")}, "reports": {"path": tmp_path / "reports.csv"}},
    )
    texts = [f"Finding number {number}." * 40 for number in range(300)]
    sizes = []
    for night in range(6):
        lines = [f"E{n},{text} Night {night if n == night else 0}." for n, text in enumerate(texts)]
        (tmp_path / "reports.csv").write_text("\n".join(["exam_id,text", *lines]))
        ingest(settings)
        vacuum(settings, keep_days=0)
        files = (tmp_path / "lake" / "tables" / "reports").glob("*.parquet")
        sizes.append(sum(file.stat().st_size for file in files))
    assert sizes[-1] < 2 * sizes[0]
