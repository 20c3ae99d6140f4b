"""The parts of a network from its input on, for any architecture."""

from torch import nn


def network_stages(network: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Return the names of the network's parts in their order, each a stage of its own.

    Lists and sequences of blocks are taken apart once; parts without weights are left out.
    """
    stages = []
    for name, part in network.named_children():
        if isinstance(part, (nn.Sequential, nn.ModuleList)):
            inner = [(f"{name}.{number}", block) for number, block in part.named_children()]
        else:
            inner = [(name, part)]
        stages += [(n,) for n, block in inner if any(True for _ in block.parameters())]
    return tuple(stages)


def first_convolution(network: nn.Module) -> str:
    """Return the name of the network's first convolution."""
    return next(name for name, part in network.named_modules() if isinstance(part, nn.Conv2d))


def last_linear(network: nn.Module) -> str | None:
    """Return the name of the network's last linear layer, or None."""
    names = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    return names[-1] if names else None
