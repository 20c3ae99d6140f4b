"""`radsim embed --images`: files to a Parquet file of embeddings, without any lake."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from flows.command_line import app
from pipeline.images.decoding import read_pixels
from pipeline.images.square import to_square
from pipeline.models import MODEL_FILE


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model as training would; return its folder."""
    from training import save_model, untrained_model

    folder = tmp_path_factory.mktemp("model")
    network = untrained_model("efficientnet_lite0:regions", dim=8, image_size=32)
    save_model(network, folder / MODEL_FILE, {"model_id": "model-of-test", "square_size": 48})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them below another folder, a letter and a damaged picture."""
    images = tmp_path / "images"
    (images / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "more/c.png")):
        noise = np.random.default_rng(number).integers(0, 255, (50, 40), np.uint8)
        Image.fromarray(noise).save(images / name)
    (images / "letter.dcm").write_text("Dear colleague")
    (images / "short.png").write_bytes((images / "a.png").read_bytes()[:200])
    return images


def run(*words: str | Path) -> Result:
    ran: Result = CliRunner().invoke(app, ["embed", *map(str, words)])
    return ran


def test_a_folder_is_embedded_and_what_is_no_image_is_named(
    folder: Path, model: Path, tmp_path: Path
) -> None:
    from training import load_model
    from training.checkpoint import file_digest
    from training.embed import embed

    out = tmp_path / "new" / "embeddings.parquet"
    ran = run("--images", folder, "--model", model, "--out", out)
    assert ran.exit_code == 0, ran.stderr
    table = pq.read_table(out)
    assert table["path"].to_pylist() == ["a.png", "b.jpg", "more/c.png"]
    assert table.schema.field("embedding").type == pa.list_(pa.float32(), 8)
    metadata = table.schema.metadata
    assert metadata[b"model_id"] == b"model-of-test"
    # The size the model was trained on, not the one of the settings.
    assert metadata[b"square_size"] == b"48"
    assert metadata[b"model_sha256"] == file_digest(model / MODEL_FILE).encode()

    network, _ = load_model(model / MODEL_FILE)
    squares = [to_square(read_pixels(folder / name), 48) for name in table["path"].to_pylist()]
    expected = embed(network, np.stack(squares))
    assert np.allclose(np.stack(table["embedding"].to_numpy()), expected, atol=1e-5)

    with (tmp_path / "new" / "embeddings.quarantine.csv").open() as opened:
        rejected = {row["path"]: row["reason"] for row in csv.DictReader(opened)}
    assert set(rejected) == {"letter.dcm", "short.png"}
    for path, reason in rejected.items():
        assert f"{path}: {reason}" in ran.stdout
    assert ran.stdout.splitlines()[1].strip() == "5 in = 3 embedded + 2 quarantined"
    assert [file.name for file in out.parent.iterdir() if "partial" in file.name] == []


def test_a_csv_names_paths_relative_to_itself(folder: Path, model: Path, tmp_path: Path) -> None:
    listed = folder / "list.csv"
    listed.write_text("n,path\n1,more/c.png\n2,none.png\n3,\n4,a.png\n", encoding="utf-8")
    out = tmp_path / "embeddings.parquet"
    ran = run("--images", listed, "--model", model / MODEL_FILE, "--out", out)
    assert ran.exit_code == 0, ran.stderr
    assert pq.read_table(out)["path"].to_pylist() == ["more/c.png", "a.png"]
    assert "none.png: unreadable: no such file" in ran.stdout


def test_a_second_run_leaves_no_old_list_of_rejects(
    folder: Path, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "embeddings.parquet"
    run("--images", folder, "--model", model, "--out", out)
    (folder / "letter.dcm").unlink()
    (folder / "short.png").unlink()
    run("--images", folder, "--model", model, "--out", out)
    assert not (tmp_path / "embeddings.quarantine.csv").exists()


def test_errors_are_one_line(folder: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "embeddings.parquet"
    pathless, bad = tmp_path / "pathless.csv", tmp_path / "bad"
    pathless.write_text("file\na.png\n", encoding="utf-8")
    bad.mkdir()
    (bad / "letter.dcm").write_text("Dear colleague")
    not_a_model = tmp_path / "other.safetensors"
    not_a_model.write_bytes(b"nothing")
    for words, said in (
        (("--images", folder), "needs --model"),
        (("--model", model), "go with --images"),
        (("--images", tmp_path / "none", "--model", model), "no such folder"),
        (("--images", pathless, "--model", model), "no column path"),
        (("--images", folder, "--model", not_a_model), "see --model"),
        (("--images", folder, "--model", tmp_path), "no model file"),
        (("--images", bad, "--model", model, "--out", out), "none of its 1 images"),
        (("--images", folder, "--model", model, "--out", folder), "it is a folder"),
    ):
        ran = run(*words)
        assert ran.exit_code != 0
        assert said in ran.stderr, ran.stderr
        assert len(ran.stderr.strip().splitlines()) == 1
    assert not out.exists()
