"""A disk that is full, read-only or forbidden: one line, no table changed, and then it goes on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training.kept_features import KeptFeatures


def test_a_disk_that_takes_no_more(hospital: Any, room_for: Any) -> None:
    # In ingest, from the first bytes of the intake to the commits.
    for size in (10, 500, 2_000, 4_500):
        with hospital.fails_with("the disk is full; make room and run again"), room_for(size):
            hospital.run("ingest")
    hospital.run("ingest", "index")
    for stage, size in (("label", 4_000), ("cache", 10_000), ("link", 2_000), ("link", 9_000)):
        with hospital.fails_with("the disk is full; make room and run again"), room_for(size):
            hospital.run(stage)
    assert not list(hospital.lake.glob("**/*.partial"))
    hospital.ends_well()


def test_features_claim_their_room_at_once(tmp_path: Path, room_for: Any) -> None:
    # A page of a mapped file for which there is no room ends the process by a signal.
    with room_for(5_000), pytest.raises(OSError, match="too large"):
        KeptFeatures(tmp_path / "features.npy", (1, 1_000, 4))
    kept = KeptFeatures(tmp_path / "features.npy", (1, 1_000, 4))
    file = (tmp_path / "features.npy").stat()
    assert file.st_blocks * 512 >= file.st_size
    assert kept.filled == 0


@pytest.fixture
def small_disk(hospital: Any) -> Iterator[Any]:
    """Put the lake on a file system of its own; give a function that mounts it otherwise."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only the superuser may mount a small disk")
    kept = hospital.folder.parent / "kept"
    hospital.lake.rename(kept)
    hospital.lake.mkdir()

    def mount(options: str) -> None:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(hospital.lake)],
            capture_output=True,
            check=False,
        )
        if made.returncode:
            pytest.skip("no small disk can be mounted here")

    mount("size=100m")
    shutil.copytree(kept, hospital.lake, dirs_exist_ok=True)
    try:
        yield mount
    finally:
        # Lazily: a thread of Arrow may still hold a file it has read.
        subprocess.run(["umount", "--lazy", str(hospital.lake)], check=True)
        shutil.rmtree(kept)


def test_a_small_disk_that_is_full_or_read_only(hospital: Any, small_disk: Any) -> None:
    for stage, more in (("ingest", 4), ("index", 4), ("cache", 12)):
        used = shutil.disk_usage(hospital.lake).used // 1024
        small_disk(f"remount,size={used + more}k")
        with hospital.fails_with("the disk is full"):
            hospital.run(stage)
        small_disk("remount,size=100m")
        if stage != "cache":
            hospital.run(stage)
    small_disk("remount,ro")
    with hospital.fails_with("cannot be written (Read-only file system)"):
        hospital.run("label")
    small_disk("remount,rw")
    hospital.ends_well()


def test_a_folder_that_may_not_be_written(hospital: Any) -> None:
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    for folder in (hospital.lake / "state", hospital.lake / "tables" / "reports" / "_delta_log"):
        folder.chmod(0o500)
        with hospital.fails_with("no permission"):
            hospital.run("ingest")
        folder.chmod(0o700)
    hospital.ends_well()
