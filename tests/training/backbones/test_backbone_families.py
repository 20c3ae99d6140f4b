import pytest
import torch
from safetensors.torch import save_file

from training.backbones import load_backbone, names_nih_weights
from training.checkpoint import load_model, save_model
from training.embedding_model import untrained_model

IMAGES = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def colour_features(network, mean, std):
    with torch.inference_mode():
        return network.eval()((IMAGES.expand(-1, 3, -1, -1) - mean) / std)


def timm_resnet(num_classes):
    import timm

    return timm.create_model("resnet18", pretrained=False, num_classes=num_classes)


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory):
    """Weights of timm's resnet18 with its classifier, as a user would have downloaded them."""
    file = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    torch.manual_seed(0)
    save_file(timm_resnet(1000).state_dict(), file)
    return file


def test_timm_network_answers_as_timm_does_on_grey_images(resnet_file):
    from safetensors.torch import load_file

    grey, n_features = load_backbone("timm:resnet18", weights=resnet_file)
    colour = timm_resnet(0)
    tensors = load_file(resnet_file)
    colour.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("fc.")})
    expected = colour_features(colour, grey.mean, grey.std)
    with torch.inference_mode():
        assert torch.allclose(grey.eval()(IMAGES), expected, atol=1e-4)
    assert n_features == 512


def test_timm_transformer_takes_the_image_size_and_its_weights_another(tmp_path):
    import timm

    file = tmp_path / "vit.pt"
    network = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    torch.save(network.state_dict(), file)
    grey, n_features = load_backbone("timm:vit_tiny_patch16_224", weights=file, image_size=64)
    with torch.inference_mode():
        assert grey.eval()(IMAGES).shape == (2, n_features) == (2, 192)
        assert torch.equal(grey.network.norm.weight, network.norm.weight)


@pytest.mark.parametrize(("name", "n_expected"), [("resnet18", 512), ("densenet121", 1024)])
def test_torchvision_network_loses_its_classifier(name, n_expected, tmp_path):
    import torchvision

    network = torchvision.models.get_model(name, weights=None)
    file = tmp_path / "weights.pth"
    tensors = network.state_dict()
    if name == "densenet121":  # torchvision's own file says norm.1 where the network says norm1
        tensors = {
            key.replace("norm1", "norm.1") if "denselayer" in key else key: tensor
            for key, tensor in tensors.items()
            if not key.endswith("num_batches_tracked")
        }
    torch.save(tensors, file)
    grey, n_features = load_backbone(f"torchvision:{name}", weights=file)
    setattr(network, "fc" if name == "resnet18" else "classifier", torch.nn.Identity())
    expected = colour_features(network, grey.mean, grey.std)
    with torch.inference_mode():
        assert torch.allclose(grey.eval()(IMAGES), expected, atol=1e-3)
    assert n_features == n_expected


def test_xrv_network_gives_the_features_of_the_package_in_its_own_scale(tmp_path):
    torchxrayvision = pytest.importorskip("torchxrayvision")
    network = torchxrayvision.models.DenseNet(weights=None, in_channels=1).eval()
    file = tmp_path / "xrv.safetensors"
    save_file(network.state_dict(), file)
    grey, n_features = load_backbone("xrv:densenet121-res224-chex", weights=file)
    with torch.inference_mode():
        expected = network.features2(IMAGES * 2048 - 1024)
        assert torch.allclose(grey.eval()(IMAGES), expected, rtol=1e-3, atol=1e-3)
    assert n_features == 1024
    # Stem and its normalisation, first block of layers.
    grey.freeze(3)
    assert not grey.network.features.conv0.weight.requires_grad
    assert not grey.network.features.denseblock1.denselayer6.conv1.weight.requires_grad
    assert grey.network.features.transition1.conv.weight.requires_grad
    assert grey.network.features.denseblock4.denselayer1.conv1.weight.requires_grad


def test_xrv_resnet_takes_one_channel():
    pytest.importorskip("torchxrayvision")
    grey, n_features = load_backbone("xrv:resnet50-res512-all", pretrained=False)
    with torch.inference_mode():
        assert grey.eval()(IMAGES).shape == (2, n_features) == (2, 2048)


def test_first_tensors_that_do_not_fit_are_named(tmp_path, resnet_file):
    tensors = timm_resnet(1000).state_dict()
    del tensors["layer1.0.conv1.weight"]
    tensors["extra.weight"] = torch.zeros(1)
    file = tmp_path / "damaged.safetensors"
    save_file(tensors, file)
    with pytest.raises(ValueError, match=r"missing, first layer1\.0\.conv1.*first extra\.weight"):
        load_backbone("timm:resnet18", weights=file)
    with pytest.raises(ValueError, match=r"layer1\.0\.conv1\.weight is .* not "):
        load_backbone("timm:resnet26", weights=wider(tmp_path))


def wider(folder):
    """Weights of a network whose tensors have the names of resnet26 and other shapes."""
    import timm

    network = timm.create_model("resnet26", pretrained=False)
    tensors = network.state_dict()
    tensors["layer1.0.conv1.weight"] = torch.zeros(8, 8, 1, 1)
    save_file(tensors, folder / "wider.safetensors")
    return folder / "wider.safetensors"


def test_a_pickled_network_is_not_opened(tmp_path):
    file = tmp_path / "network.pt"
    torch.save(torch.nn.Linear(2, 2), file)
    with pytest.raises(ValueError, match=r"no plain tensors.*save its state_dict\(\)"):
        load_backbone("timm:resnet18", weights=file)


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("timm:resnet18", None, "name a local file with `weights`"),
        ("timm:no_such_network", "w.pt", "timm has no network"),
        ("torchvision:no_such_network", "w.pt", "torchvision has no"),
        ("torchvision:squeezenet1_0", "w.pt", "linear layer"),
        ("xrv:no_such_network", "w.pt", "torchxrayvision has no weights"),
        ("timm:resnet18", "no_such_file.pt", "no weights file"),
        ("efficientnet_lite0", "w.pt", "brings its own weights"),
        ("keras:resnet", "w.pt", "timm:NAME"),
    ],
)
def test_errors_say_what_to_do(name, weights, said):
    if name.startswith("xrv"):
        pytest.importorskip("torchxrayvision")
    with pytest.raises(ValueError, match=said):
        load_backbone(name, weights=weights)


def test_a_model_on_such_a_backbone_is_rebuilt_without_the_weights_file(tmp_path, resnet_file):
    model = untrained_model("timm:resnet18", 8, 64, weights=resnet_file).eval()
    save_model(model, tmp_path / "model.safetensors")
    again, _ = load_model(tmp_path / "model.safetensors")
    with torch.inference_mode():
        assert torch.equal(again(IMAGES), model(IMAGES))


def test_weights_that_saw_nih_are_told():
    assert names_nih_weights("xrv:densenet121-res224-all")
    assert names_nih_weights("resnet50-res512-all")
    assert names_nih_weights("xrv:densenet121-res224-rsna")
    assert not names_nih_weights("xrv:densenet121-res224-chex")
    assert not names_nih_weights("efficientnet_lite0")
