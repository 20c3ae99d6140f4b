"""The parts of a network from its input on, for any architecture."""

from torch import nn


def network_stages(network: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Return the names of the network's parts in their order, each a stage of its own.

    Lists and sequences of blocks are taken apart once, as is a part that holds most of the weights
    (a transformer's encoder) before that; parts without weights are left out.
    """
    parts = []
    for name, part in network.named_children():
        inside = [(f"{name}.{inner}", block) for inner, block in part.named_children()]
        whole = isinstance(part, (nn.Sequential, nn.ModuleList))
        parts += inside if not whole and 2 * _weights(part) > _weights(network) else [(name, part)]
    stages = []
    for name, part in parts:
        if isinstance(part, (nn.Sequential, nn.ModuleList)):
            blocks = [(f"{name}.{number}", block) for number, block in part.named_children()]
        else:
            blocks = [(name, part)]
        stages += [(n,) for n, block in blocks if _weights(block)]
    return tuple(stages)


def _weights(part: nn.Module) -> int:
    return sum(weight.numel() for weight in part.parameters())


def first_convolution(network: nn.Module) -> str:
    """Return the name of the network's first convolution."""
    return next(name for name, part in network.named_modules() if isinstance(part, nn.Conv2d))


def last_linear(network: nn.Module) -> str | None:
    """Return the name of the network's last linear layer, or None."""
    names = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    return names[-1] if names else None
