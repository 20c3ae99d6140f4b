"""A lake of each layout since the first one can be brought to the present one."""

import json
import tarfile
from pathlib import Path

import pytest

from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.layout import LAYOUT, MARKER
from pipeline.manifests import read_manifest, releases
from pipeline.migration import migrate
from pipeline.run_history import finished_runs, table_versions
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError

# Written by RadSim 0.1.0.dev before lakes had a marker: two deliveries, the second with an
# amendment, each ingested, labelled, indexed, cached and linked.
LAYOUT_1 = Path(__file__).parent / "lakes" / "layout_1.tar.xz"
TABLES = ("reports", "labels", "mentions", "images", "pixels", "splits", "quarantine")


@pytest.fixture
def old(tmp_path: Path) -> Settings:
    """Return settings of a lake of the first layout."""
    with tarfile.open(LAYOUT_1) as archive:
        archive.extractall(tmp_path, filter="data")
    return load_settings(None, {"lake": {"root": str(tmp_path / "lake")}})


def rows(lake: Lake) -> dict[str, list[str]]:
    """Return the rows of each table as texts, without what is null."""
    tables = {name: lake.read(name) for name in TABLES}
    return {
        name: sorted(
            str({key: value for key, value in row.items() if value is not None})
            for row in table.to_pylist()
        )
        for name, table in tables.items()
    }


def test_an_older_lake_is_refused_with_the_command_that_mends_it(old: Settings) -> None:
    for use in (lambda: Lake.of(old).read("reports"), lambda: label(old)):
        with pytest.raises(UserError, match=r"older RadSim.*layout 1.*run `radsim migrate`"):
            use()


def test_the_first_layout_becomes_the_present_one_with_the_same_rows(old: Settings) -> None:
    before = rows(Lake.of(old, any_layout=True))
    summary = migrate(old)
    assert summary.outcome == "committed"
    lake = Lake.of(old)
    assert lake.layout == LAYOUT
    assert rows(lake) == before
    assert [release.version for release in releases(lake)] == [1, 2]
    assert [read_manifest(lake, release).num_rows for release in releases(lake)] == [3, 4]


def test_old_versions_of_a_migrated_lake_can_be_read_and_no_log_entry_expires(
    old: Settings,
) -> None:
    migrate(old)
    lake = Lake.of(old)
    found = table_versions(lake, "reports")
    assert [(version.run.stage, version.rows) for version in found] == [
        ("ingest", 3),
        ("ingest", 4),
        ("migrate", 4),
        ("migrate", 4),
    ]
    assert lake.read("reports", version=found[0].version).num_rows == 3
    for name in TABLES:
        kept = lake.table(name, lake.versions()[name]).metadata().configuration
        assert kept["delta.enableExpiredLogCleanup"] == "false"


def test_a_migrated_lake_takes_the_next_delivery(old: Settings, tmp_path: Path) -> None:
    migrate(old)
    file = tmp_path / "reports.csv"
    file.write_text("exam_id,text\nE7,No pneumothorax.\n", encoding="utf-8")
    root = str(tmp_path / "lake")
    summary = ingest(load_settings(None, {"lake": {"root": root}, "reports": {"path": file}}))
    assert summary.counts["new"] == 1
    reports = Lake(root).read("reports")
    assert (reports.num_rows, reports["told_at"].null_count) == (5, 5)


def test_reports_of_a_migrated_lake_are_amended_by_what_is_told_from_then_on(
    old: Settings, tmp_path: Path
) -> None:
    migrate(old)
    drop = tmp_path / "drop"
    drop.mkdir()
    settings = load_settings(
        None, {"lake": {"root": str(tmp_path / "lake")}, "reports": {"path": drop}}
    )
    for name, told, text in (("b", "03", "Second."), ("c", "02", "First.")):
        (drop / f"{name}.hl7").write_text(
            f"MSH|^~\\&|RIS|NORTH|||2023110102{told}||ORU^R01|1|P|2.5\r"
            f"OBR|1||E1|CXR{'|' * 21}C\rOBX|1|TX|GDT||{text}||||||F\r"
        )
        ingest(settings)
    row = next(row for row in Lake.of(old).read("reports").to_pylist() if row["exam_id"] == "E1")
    assert (row["sections"][0]["text"], row["told_at"].minute) == ("Second.", 3)


def test_migrating_twice_changes_nothing(old: Settings) -> None:
    migrate(old)
    runs = len(finished_runs(Lake.of(old)))
    assert migrate(old).outcome == "unchanged"
    assert len(finished_runs(Lake.of(old))) == runs


@pytest.mark.parametrize("moment", [1, 7, 8, 9, 10, 11, 12])
def test_a_migration_that_is_killed_goes_on(
    old: Settings, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    before = rows(Lake.of(old, any_layout=True))
    done = 0

    def killed_at(function):
        def called(*args, **kwargs):
            nonlocal done
            result = function(*args, **kwargs)
            done += 1
            if done == moment:
                raise KeyboardInterrupt
            return result

        return called

    with monkeypatch.context() as patched:
        # Seven tables, the ledger's row, the marker; a column, the ledger's row, the marker.
        steps = ((Run, "configure"), (Run, "add_columns"), (Run, "commit"), (Lake, "mark"))
        for owner, name in steps:
            patched.setattr(owner, name, killed_at(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            migrate(old)
    migrate(old)
    assert Lake.of(old).layout == LAYOUT
    assert rows(Lake.of(old)) == before


def test_a_lake_of_a_newer_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    settings = load_settings(None, {"lake": {"root": str(tmp_path / "lake")}})
    with Run(Lake.of(settings), "link", {}):
        pass
    marker = tmp_path / "lake" / MARKER
    marker.write_text(json.dumps({"layout": LAYOUT + 1}), encoding="utf-8")
    for use in (lambda: Lake.of(settings).runs(), lambda: migrate(settings)):
        with pytest.raises(UserError, match=r"a newer RadSim wrote this lake .layout 4"):
            use()
    assert json.loads(marker.read_text())["layout"] == LAYOUT + 1


def test_a_damaged_marker_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with Run(lake, "link", {}):
        pass
    (tmp_path / "lake" / MARKER).write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"layout\.json: does not name the layout"):
        Lake(tmp_path / "lake").runs()


def test_there_is_nothing_to_migrate_where_there_is_no_lake(tmp_path: Path) -> None:
    settings = load_settings(None, {"lake": {"root": str(tmp_path / "nothing")}})
    with pytest.raises(UserError, match="there is no lake here"):
        migrate(settings)
    assert not (tmp_path / "nothing").exists()
