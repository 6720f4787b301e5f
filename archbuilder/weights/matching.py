"""Match the weights of a file with the tensors of a network, by name and shape."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from archbuilder.errors import ArchbuilderError, nearest
from archbuilder.plan.checked import read_checked
from archbuilder.plan.tensors import StateShapes, state_shapes
from archbuilder.primitives import Shape
from archbuilder.spec.document import open_spec
from archbuilder.spec.sources import shipped_names
from archbuilder.weights.files import Normalization, Weights
from archbuilder.weights.report import WeightsReport

BATCH_COUNT = "num_batches_tracked"
"""The count of batches of a norm: older files lack it, and evaluation does not read it."""

_MOST_NAMED = 3
_LIKE = 0.1  # of the tensors, that fit at least where a file is of the same network


@dataclass(frozen=True)
class Matched:
    """The weights of a file that a network takes.

    Attributes:
        tensors: By the network's keys, as the file has them: of any floating-point type.
        report: What was taken, and what was not.
        normalization: The mean and standard deviation with which they were trained, as in `Weights`.
    """

    tensors: Mapping[str, Tensor] = field(repr=False)
    report: WeightsReport
    normalization: Normalization | None = None


def match(weights: Weights, network: StateShapes, *, partial: bool = False) -> Matched:
    """Match weights with the tensors of a network.

    Auxiliary heads and classifiers may be missing, or be for another number of classes: they start fresh.

    Args:
        weights: The weights.
        network: What the network's state dict holds.
        partial: Whether other tensors may be missing, unexpected or of another shape; otherwise that is an error.

    Raises:
        ArchbuilderError: Weights do not fit, or have values that are infinite or not a number.
    """
    prefix = find_prefix(weights.tensors, network.shapes)
    keys = _without(prefix, weights.tensors, network.shapes)
    found = {key: weights.tensors[file_key] for key, file_key in keys.items()}
    taken = {key: tensor for key, tensor in found.items() if network.shapes.get(key) == tuple(tensor.shape)}
    reset, absent = _classifiers(network, found), _absent(network, found)
    fresh_layers = {*reset, *absent}
    taken = {key: tensor for key, tensor in taken.items() if _layer(key, fresh_layers) is None}
    others = [key for key in network.shapes if key not in taken and _layer(key, fresh_layers) is None]
    unexpected = [key for key in found if key not in network.shapes]
    unused = [key for key in unexpected if _is_head(key, network)]
    counted = [key for key in network.shapes if not key.endswith(BATCH_COUNT)]
    report = WeightsReport(
        file=weights.file,
        sha256=weights.sha256,
        cuts=dict(weights.cuts),
        nested=weights.nested,
        prefix=prefix,
        taken=sum(key in taken for key in counted),
        total=len(counted),
        fresh=tuple(key for key in network.shapes if key not in taken),
        reset=reset,
        absent=tuple(absent),
        unused=tuple(dict.fromkeys(key.partition(".")[0] for key in unused)),
        missing=tuple(key for key in others if key not in found and not key.endswith(BATCH_COUNT)),
        unexpected=tuple(key for key in unexpected if key not in unused and not key.endswith(BATCH_COUNT)),
        reshaped={key: (tuple(found[key].shape), network.shapes[key]) for key in others if key in found},
    )
    if not report.taken or not (report.fits or partial):
        raise ArchbuilderError(_misfit(report, weights, network))
    _check_values(taken, weights.file)
    return Matched(taken, report, weights.normalization)


def find_prefix(keys: Iterable[str], own: Mapping[str, Shape]) -> str:
    """Return what the keys of a file begin with, and those of the network do not: that with which most keys fit."""
    votes = Counter[str]()
    for key in keys:
        end = 0
        while end != -1:
            if key[end:].lstrip(".") in own:
                votes[key[: end + 1] if end else ""] += 1
            end = key.find(".", end + 1)
    best = max(votes.values(), default=0)
    return "" if votes[""] == best else min(prefix for prefix, count in votes.items() if count == best)


def _without(prefix: str, keys: Iterable[str], own: Mapping[str, Shape]) -> dict[str, str]:
    """Return the keys of a file by what they are without a prefix, or without the first parts of it: `module.`."""
    starts = [prefix[: end + 1] for end, letter in enumerate(prefix) if letter == "."]
    found: dict[str, str] = {}
    for key in keys:
        names = [key.removeprefix(start) for start in reversed(starts) if key.startswith(start)]
        known = [name for name in names if name in own]
        found.setdefault(known[0] if known else names[0] if names else key, key)
    return found


def _classifiers(network: StateShapes, found: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
    """Return the classifiers for another number of classes in the file, with that number and the network's."""
    reset = {}
    for name in network.classifiers:
        shapes = [(tuple(found[key].shape), network.shapes[key]) for key in _keys(network, name) if key in found]
        differing = [(have, need) for have, need in shapes if have != need]
        counts = {have[:1] for have, _ in differing}
        is_resized = all(have and have[1:] == need[1:] and need[0] == network.classes for have, need in differing)
        if len(counts) == 1 and is_resized:
            assert network.classes is not None
            reset[name] = counts.pop()[0], network.classes
    return reset


def _absent(network: StateShapes, found: Mapping[str, Tensor]) -> list[str]:
    """Return the auxiliary heads and the classifiers of which the file has nothing."""
    heads = [head for head in network.heads if not any(key in found for key in _keys(network, head))]
    layers = [name for name in network.classifiers if _layer(name, heads) is None]
    return heads + [name for name in layers if not any(key in found for key in _keys(network, name))]


def _keys(network: StateShapes, layer: str) -> list[str]:
    """Return the keys of the tensors in a layer."""
    return [key for key in network.shapes if _layer(key, [layer]) is not None]


def _layer(key: str, layers: Iterable[str]) -> str | None:
    """Return the layer, of some, that a tensor or a layer is in."""
    return next((layer for layer in layers if key == layer or key.startswith(f"{layer}.")), None)


def _is_head(key: str, network: StateShapes) -> bool:
    """Return whether a key of a file is of an auxiliary head that the network lacks; torchvision's begin with aux."""
    layer = key.partition(".")[0]
    return (
        layer.casefold().startswith("aux") and _layer(layer, {own.partition(".")[0] for own in network.shapes}) is None
    )


def _misfit(report: WeightsReport, weights: Weights, network: StateShapes) -> str:
    """Format what does not fit, by layer, with the nearest names."""
    fitting = f"{report.taken:,} of {report.total:,} tensors of {network.name} fit"
    of_another = report.taken < _LIKE * report.total
    lines = [f"{report.file}: {'weights of another network' if of_another else 'does not fit'}: {fitting}"]
    lines += report.misfits()
    near = [(key, name) for key in report.missing if (name := nearest(key, report.unexpected))]
    lines += [f"nearest to {key}: {name}" for key, name in near[:_MOST_NAMED]]
    if of_another and (shipped := _shipped_like(weights)):
        lines.append(f"its names and shapes are those of the shipped spec {shipped}")
    if not of_another:
        lines.append("partial=True takes what fits; the rest keeps its initial weights")
    return "\n  ".join(lines)


def _shipped_like(weights: Weights) -> str | None:
    """Return the shipped spec that all tensors of a file fit, but for the number of classes."""
    for name in shipped_names("specs"):
        _, plan = read_checked(open_spec(name))
        own = state_shapes(plan)
        keys = _without(find_prefix(weights.tensors, own.shapes), weights.tensors, own.shapes)
        last = set(own.classifiers)
        fits = [
            key in own.shapes and (_layer(key, last) or own.shapes[key] == tuple(weights.tensors[file_key].shape))
            for key, file_key in keys.items()
        ]
        if all(fits) and 2 * len(fits) > len(own.shapes):  # and not a few layers that several networks have
            return name
    return None


def _check_values(tensors: Mapping[str, Tensor], file: str) -> None:
    """Check that weights are finite floating-point numbers, also as float32."""
    for key, tensor in tensors.items():
        if key.endswith(BATCH_COUNT):
            continue
        if tensor.layout is not torch.strided or not tensor.is_floating_point() or tensor.is_meta:
            kind = "without values" if tensor.is_meta else f"{tensor.layout}, {tensor.dtype}".replace("torch.", "")
            raise ArchbuilderError(f"{file}: {key} is {kind}; expected plain floating-point weights")
        bad = int((~tensor.to(torch.float32).isfinite()).sum())
        if bad:
            what = f"{bad:,} of {tensor.numel():,} values are infinite or not a number"
            raise ArchbuilderError(f"{file}: {key}: {what}; take weights of an earlier checkpoint")
