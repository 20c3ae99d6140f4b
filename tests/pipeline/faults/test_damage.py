"""Damaged files of the lake: named in one line before anything is written, mended by the backup."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from pipeline.lake import Lake
from pipeline.models import stored_model
from pipeline.user_error import UserError
from training import save_model, untrained_model


def half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def flipped(file: Path) -> None:
    """Turn bits round in the last bytes, where Parquet says what lies where."""
    content = bytearray(file.read_bytes())
    for place in range(12, len(content), 40):
        content[-place] ^= 0x55
    file.write_bytes(content)


def rows_of(hospital: Any, table: str) -> Path:
    lake = hospital.lake / "tables" / table
    return Path(DeltaTable(lake).file_uris()[0].removeprefix("file://"))


def log_of(hospital: Any, table: str, place: int) -> Path:
    return sorted((hospital.lake / "tables" / table / "_delta_log").glob("*.json"))[place]


@pytest.mark.parametrize(
    ("table", "stage", "damage"),
    [
        ("reports", "ingest", half),
        ("reports", "ingest", emptied),
        ("reports", "ingest", flipped),
        ("reports", "ingest", Path.unlink),
        ("runs", "ingest", flipped),
        ("mentions", "label", half),
        ("images", "cache", Path.unlink),
    ],
)
def test_a_file_of_a_table(
    hospital: Any, table: str, stage: str, damage: Callable[[Path], None]
) -> None:
    if stage != "ingest":
        hospital.run("ingest")
    file = rows_of(hospital, table)
    whole = file.read_bytes()
    damage(file)
    with pytest.raises(UserError, match=rf"^\S+/tables/{table}: .*damaged.*backup[^\n]*$"):
        hospital.run(stage)
    file.write_bytes(whole)
    hospital.run(stage)


@pytest.mark.parametrize(
    ("table", "place", "damage"),
    [
        ("reports", 0, Path.unlink),
        ("reports", -1, half),
        ("reports", -1, emptied),
        ("reports", -1, Path.unlink),
        ("runs", 1, Path.unlink),
    ],
)
def test_an_entry_of_a_log(
    hospital: Any, table: str, place: int, damage: Callable[[Path], None]
) -> None:
    hospital.run("ingest")
    file = log_of(hospital, table, place)
    whole = file.read_bytes()
    damage(file)
    with pytest.raises(UserError, match=rf"tables/{table}: .*damaged"):
        hospital.run("ingest")
    file.write_bytes(whole)
    hospital.run("ingest")


@pytest.mark.parametrize("lost", ["tables/runs", "tables/reports"])
def test_a_table_that_is_gone_is_not_begun_anew(hospital: Any, lost: str) -> None:
    shutil.move(hospital.lake / lost, hospital.folder / "aside")
    with pytest.raises(UserError, match=f"{lost}: .*missing or damaged"):
        hospital.run("ingest")
    assert not (hospital.lake / lost / "_delta_log").exists()
    shutil.move(hospital.folder / "aside", hospital.lake / lost)
    hospital.run("ingest")


def test_the_release_and_the_cached_pixels(hospital: Any) -> None:
    [release] = hospital.lake.glob("manifests/*/manifest.parquet")
    whole = release.read_bytes()
    half(release)
    with hospital.fails_with("not the file that was published", "radsim link --force"):
        hospital.run("train")
    release.write_bytes(whole)
    [shard] = hospital.lake.glob("state/pixels/*/*.npy")
    half(shard)
    with hospital.fails_with(str(shard.parent), "radsim cache --force"):
        hospital.run("train")


@pytest.mark.parametrize("damage", [half, flipped, Path.unlink])
def test_a_model(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    lake = Lake(tmp_path)
    file = tmp_path / "models" / "m" / "model.safetensors"
    digest = save_model(untrained_model("efficientnet_lite0", 4, 32, 0), file)
    row = {"model_id": "m", "content_hash": digest}
    assert stored_model(lake, row).dim == 4
    damage(file)
    with pytest.raises(UserError, match=r"^\S+model\.safetensors: .*radsim train --force"):
        stored_model(lake, row)


def test_versions_of_before_are_not_called_damaged(hospital: Any) -> None:
    lake = Lake(hospital.lake)
    with pytest.raises(UserError, match="radsim history reports"):
        lake.read("reports", version=999)
