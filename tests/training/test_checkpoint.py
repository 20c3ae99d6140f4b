import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from training.checkpoint import file_digest, load_model, save_model
from training.embedding_model import EmbeddingModel, untrained_model


def test_saved_model_embeds_the_same(tmp_path, tiny_backbone):
    model = untrained_model("tiny", dim=8, image_size=48, seed=3).eval()
    model.set_feature_scale(torch.rand(5, 256))
    path = tmp_path / "models" / "model.safetensors"
    digest = save_model(model, path, {"seed": 3, "manifest": {"version": 2}})
    loaded, metadata = load_model(path)
    images = torch.rand(2, 1, 48, 48)
    assert torch.equal(loaded(images), model(images))
    assert metadata == {"seed": 3, "manifest": {"version": 2}}
    assert (loaded.architecture, loaded.dim, loaded.image_size) == ("tiny", 8, 48)
    assert digest == file_digest(path)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_a_model_for_which_the_disk_has_no_room_leaves_the_old_one(
    tmp_path, tiny_backbone, room_for
):
    path = tmp_path / "model.safetensors"
    digest = save_model(untrained_model("tiny", dim=8, seed=3), path)
    with room_for(1_000), pytest.raises(SafetensorError, match="too large"):
        save_model(untrained_model("tiny", dim=8, seed=4), path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]
    assert file_digest(path) == digest


def test_same_model_same_digest(tmp_path, tiny_backbone):
    model = untrained_model("tiny", dim=8)
    one = save_model(model, tmp_path / "a.safetensors", {"b": 1, "a": 2})
    other = save_model(model, tmp_path / "b.safetensors", {"a": 2, "b": 1})
    assert one == other


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_model(tmp_path / "none")
    (tmp_path / "text").write_text("no tensors here, only words")
    with pytest.raises(ValueError, match="cannot be read"):
        load_model(tmp_path / "text")
    save_file({"x": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(ValueError, match="not an embedding model"):
        load_model(tmp_path / "other")


def test_embeddings_and_features_have_unit_length(tiny_backbone):
    model = EmbeddingModel("tiny", dim=8).eval()
    images = torch.rand(3, 1, 48, 48)
    assert model(images).shape == (3, 8)
    assert torch.allclose(model(images).norm(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(model.features(images).norm(dim=1), torch.ones(3), atol=1e-5)
