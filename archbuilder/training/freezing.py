"""Freeze layers of a network: their weights are not trained, and their batch norms keep their statistics."""

import re
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.modules import build_network
from archbuilder.plan.globs import GlobError, expand
from archbuilder.plan.plan import Plan
from archbuilder.recipe import TrainSettings

_COMMA = re.compile(r",(?![^{}]*\})")  # that is not within braces
_SHOWN = 8


def matching_tensors(patterns: str, network: nn.Module) -> frozenset[str]:
    """Return the keys of the state dict that patterns match.

    Args:
        patterns: Globs over full names, separated by commas, such as `conv*,inception3{a,b}`. One that matches a layer
            or a block matches all that is in it.
        network: The network.

    Raises:
        ArchbuilderError: A pattern cannot be read, or matches nothing that has weights.
    """
    state, found = list(network.state_dict()), set[str]()
    for glob in _globs(patterns):
        keys = _matching(glob, state)
        if not keys:
            raise ArchbuilderError(_unmatched(glob, [name for name, _ in network.named_modules() if name]))
        found |= keys
    return frozenset(found)


def present_patterns(patterns: str, network: nn.Module) -> str | None:
    """Return those of some patterns that match anything in a network, such as a candidate without one of the layers."""
    state = list(network.state_dict())
    return ",".join(glob for glob in _globs(patterns) if _matching(glob, state)) or None


def _globs(patterns: str) -> list[str]:
    """Return patterns one by one, without braces.

    Raises:
        ArchbuilderError: One cannot be read.
    """
    found = []
    for pattern in map(str.strip, _COMMA.split(patterns)):
        try:
            found += [alternative.pattern for alternative in expand(pattern)]
        except GlobError as error:
            raise ArchbuilderError(f"freeze {pattern!r}: {error}") from None
    return found


def _matching(glob: str, keys: Iterable[str]) -> set[str]:
    """Return the keys that a pattern matches, by their own name or that of a layer or block around them."""
    return {key for key in keys if any(fnmatchcase(part, glob) for part in _places(key))}


def _places(key: str) -> Sequence[str]:
    """Return the names of a tensor and of all that it is in: `a.b.weight`, `a.b`, `a`."""
    parts = key.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _unmatched(glob: str, names: Sequence[str]) -> str:
    """Format that a pattern matches nothing, with the nearest name."""
    if any(fnmatchcase(name, glob) for name in names):
        return f"freeze {glob!r}: what it matches has no weights"
    layers = list(dict.fromkeys(name.partition(".")[0] for name in names))
    near = did_you_mean(glob.strip("*?."), layers) or did_you_mean(glob.strip("*?."), names)
    some = ", ".join(layers[:_SHOWN]) + (" and others" if len(layers) > _SHOWN else "")
    return f"freeze {glob!r}: no layer has such a name{near or f'; the layers are {some}'}"


def freeze(network: nn.Module, keys: Collection[str]) -> None:
    """Freeze the parameters of some keys of the state dict, and train all others.

    Raises:
        ArchbuilderError: No parameter is left to train.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in keys)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ArchbuilderError("freeze: every parameter is frozen, and nothing is left to train; freeze fewer layers")


def check_frozen(plan: Plan, settings: TrainSettings, pretrained: Collection[str]) -> None:
    """Check that a training can freeze what its settings say, before it begins.

    Raises:
        ArchbuilderError: As `frozen_tensors` and `freeze` do.
    """
    if settings.freeze is None and settings.freeze_epochs is None and settings.backbone_lr is None:
        return
    network = build_network(plan, initialized=False)
    freeze(network, frozen_tensors(settings, network, pretrained))


def keep_statistics(network: nn.Module, keys: Collection[str]) -> None:
    """Set the batch norms whose statistics are frozen to evaluation mode; call it after `network.train()`."""
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and f"{name}.running_mean" in keys:
            module.eval()


def frozen_tensors(settings: TrainSettings, network: nn.Module, pretrained: Collection[str]) -> frozenset[str]:
    """Return the keys of the state dict that a training freezes, for all or its first epochs.

    Args:
        settings: Its `freeze`; with `freeze_epochs` alone, everything that is pretrained is frozen.
        network: The network.
        pretrained: The keys of what was loaded.

    Raises:
        ArchbuilderError: A pattern is wrong, or a setting needs weights that were loaded, and there are none.
    """
    if not pretrained:
        needing = ["backbone_lr"] if settings.backbone_lr is not None else []
        needing += ["freeze_epochs"] if settings.freeze_epochs is not None and settings.freeze is None else []
        if needing:
            why = "nothing is loaded: it needs weights" + (", or freeze" if needing == ["freeze_epochs"] else "")
            raise ArchbuilderError(f"{needing[0]}: {why}")
    if settings.freeze is not None:
        return matching_tensors(settings.freeze, network)
    return frozenset(pretrained) if settings.freeze_epochs is not None else frozenset()
