from torch import nn

from training.backbones.network_parts import first_convolution, last_linear, network_stages


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout()
        self.layers = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
        self.norm = nn.LayerNorm(8)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 2)
        self.encoder = Encoder()


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3)
        self.act = nn.ReLU()
        self.layers = nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 3)), nn.Conv2d(4, 4, 3))
        self.head = nn.Linear(4, 2)


def test_blocks_of_a_sequence_are_stages_and_parts_without_weights_are_not():
    assert network_stages(Convolutions()) == (("stem",), ("layers.0",), ("layers.1",), ("head",))


def test_an_encoder_that_holds_most_weights_is_taken_apart():
    stages = network_stages(Transformer())
    assert stages == (("stem",), ("encoder.layers.0",), ("encoder.layers.1",), ("encoder.norm",))


def test_first_convolution_and_last_linear_layer():
    assert first_convolution(Convolutions()) == "stem"
    assert last_linear(Convolutions()) == "head"
    assert last_linear(nn.Sequential(nn.ReLU())) is None
