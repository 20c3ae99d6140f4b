"""Files are whole or not there; what a run that was killed left is cleared by the next one."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.models import drop_other_galleries, gallery_of, local_model_folder, store_model_files
from pipeline.scratch import scratch_folder, whole_file


def cut_short(source: Path, target: Path) -> None:
    """Write some bytes, and no more."""
    target.write_bytes(b"sec")
    raise OSError("full")


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "models" / "model.bin"
    with whole_file(file) as partial:
        partial.write_bytes(b"first")
        assert not file.exists()
    assert file.read_bytes() == b"first"
    with pytest.raises(OSError, match="full"), whole_file(file) as partial:
        cut_short(file, partial)
    assert [found.name for found in file.parent.iterdir()] == ["model.bin"]
    assert file.read_bytes() == b"first"


def test_what_a_killed_run_left_is_cleared(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    left = lake.state_folder / "radsim-model-abc"
    others = lake.state_folder / "radsim-intake-abc"
    for folder in (left, others):
        folder.mkdir(parents=True)
        (folder / "half").touch()
    with scratch_folder(lake, "model") as folder:
        assert not left.exists()
        assert folder.parent == lake.state_folder
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert others.exists()


def test_half_a_model_is_never_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, made = Lake(tmp_path / "lake"), tmp_path / "made"
    made.mkdir()
    (made / "model.bin").write_bytes(b"first")
    store_model_files(lake, "m", made)

    (made / "model.bin").write_bytes(b"second")
    monkeypatch.setattr("shutil.copyfile", cut_short)
    with pytest.raises(OSError, match="full"):
        store_model_files(lake, "m", made)
    assert (local_model_folder(lake, "m") / "model.bin").read_bytes() == b"first"


def test_the_index_of_the_present_embeddings_stands_until_the_next_is_committed(
    tmp_path: Path,
) -> None:
    lake, made = Lake(tmp_path / "lake"), tmp_path / "made"
    made.mkdir()
    (made / "gallery.json").write_text("{}")
    former = lake.root + "/models/m/gallery.json"
    store_model_files(lake, "m", made)  # as the first layout kept it
    places: list[Any] = [gallery_of("m", digest * 64) for digest in "ab"]
    for place in places:
        store_model_files(lake, place, made)
    assert all((local_model_folder(lake, place) / "gallery.json").is_file() for place in places)
    drop_other_galleries(lake, "m", "b" * 64)
    kept = [local_model_folder(lake, place).is_dir() for place in places]
    assert kept == [False, True]
    assert not Path(former).exists()
