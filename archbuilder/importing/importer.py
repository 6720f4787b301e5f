"""From a module to a spec: trace, read, nest, fold, write, verify."""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

import torch
from torch import nn

from archbuilder.errors import ArchbuilderError, SpecError
from archbuilder.importing.blocks import Blocks, below
from archbuilder.importing.draft import Draft
from archbuilder.importing.faults import ModuleError
from archbuilder.importing.idioms import absorbed, with_idioms
from archbuilder.importing.repeats import with_repeats
from archbuilder.importing.settings import count_of, with_settings
from archbuilder.importing.tree import Members
from archbuilder.importing.verify import Comparison, compare
from archbuilder.importing.writing import spec_text, tidied
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.plan import NETWORK_INPUT
from archbuilder.primitives import Primitive, Shape, shape_text
from archbuilder.spec.header import LONGEST_NAME


@dataclass(frozen=True)
class Imported:
    """What a module became.

    Attributes:
        spec: The spec.
        comparison: How it compares with the module.
        notes: What is to be known of it.
        blocks: How many modules each block stands for.
    """

    spec: NetworkSpec
    comparison: Comparison
    notes: tuple[str, ...] = ()
    blocks: dict[str, int] = field(default_factory=dict)


def from_module(module: nn.Module, input_shape: Sequence[int], *, name: str = "", exact: bool = True) -> NetworkSpec:
    """Return the spec of a module that somebody wrote: the same state-dict keys, counts and outputs.

    The module runs once, on random images, in evaluation mode; it is not changed. Modules that are equal but for
    numbers become blocks, and equal neighbors a `repeat`.

    Args:
        module: The module; it takes images and gives one vector or map for each, and named heads in training.
        input_shape: (channels, height, width) of the images.
        name: The network's name; by default that of the class.
        exact: Whether a spec that is not equal to the module is an error. If not, it is returned as it is.

    Raises:
        ArchbuilderError: Something of the module cannot be said in a spec, with its line and every such cause; or the
            spec is not equal to the module.
    """
    imported = import_module(module, input_shape, name=name)
    if exact and imported.comparison.differences:
        raise ModuleError(
            "\n".join(
                ["the spec is not equal to the module:", *(f"  {each}" for each in imported.comparison.differences)]
            )
        )
    return imported.spec


def import_module(module: nn.Module, input_shape: Sequence[int], *, name: str = "", origin: str = "") -> Imported:
    """Return the spec of a module, and how it compares.

    Args:
        module: The module.
        input_shape: (channels, height, width) of the images.
        name: The network's name; by default that of the class.
        origin: Where the module comes from, for the comment at the top.

    Raises:
        ArchbuilderError: Something of the module cannot be said in a spec.
    """
    _check(module, input_shape)
    shape = tuple(input_shape)
    own = _copied(module)
    drafted = Draft(own, shape)
    chosen = (re.sub(r"[^A-Za-z0-9_.-]+", "_", name or type(module).__name__) or "network")[:LONGEST_NAME]
    header = {"name": chosen, "input": dict(zip(("channels", "height", "width"), shape, strict=True))}
    comment = f"Imported from {origin or type(module).__module__ + '.' + type(module).__qualname__}."
    spec, blocks, notes = _best(drafted, header, comment)
    comparison = compare(spec, own, drafted.head_names)
    return Imported(spec, comparison, (*drafted.notes, *notes), blocks)


def _check(module: Any, input_shape: Sequence[int]) -> None:
    """Refuse what is no module, or no shape of images."""
    if isinstance(module, torch.jit.ScriptModule):
        raise ModuleError(
            "a scripted module (TorchScript) has no Python code to follow: give the nn.Module it was made of"
        )
    if not isinstance(module, nn.Module):
        raise ModuleError(f"found {type(module).__name__}, expected a torch.nn.Module")
    whole = all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in input_shape)
    if len(input_shape) != 3 or not whole:
        raise ModuleError(
            f"found the input {tuple(input_shape)}, expected (channels, height, width), such as (3, 224, 224)"
        )
    shared: dict[int, str] = {}
    faults = []
    for key, tensor in module.named_parameters(remove_duplicate=False):
        if isinstance(tensor, nn.parameter.UninitializedParameter):
            raise ModuleError(f"{key} is not initialized yet: run the module once on images, then import it")
        if id(tensor) in shared:
            faults.append(f"{shared[id(tensor)]} and {key} are one tensor")
        shared.setdefault(id(tensor), key)
    if faults:
        more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
        advice = "in a spec each layer has weights of its own: two layers cannot share them"
        raise ModuleError(f"{'; '.join(faults[:3])}{more}\n  {advice}")


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module).cpu().float().requires_grad_(False)
    except Exception as error:
        raise ModuleError(f"the module cannot be copied: {type(error).__name__}: {error}") from None


# -- from members to a file --------------------------------------------------------------------------------------------


class _Operation(NamedTuple):
    """What a network does at a place: a torch call, or a merge, and the numbers of those whose outputs it takes."""

    name: str
    call: str
    inputs: tuple[int, ...]
    shape: Shape


def _best(drafted: Draft, header: dict[str, Any], comment: str) -> tuple[NetworkSpec, dict[str, int], list[str]]:
    """Return the most readable spec that is the same network as the one with everything written out."""
    values, _ = _assembled(drafted, header, folded=False)
    plain = NetworkSpec.from_text(spec_text(values, comment), header["name"])
    wanted = _operations(plain)
    notes: list[str] = []
    for with_blocks in (True, False):
        values, blocks = _assembled(drafted, header, folded=True, with_blocks=with_blocks)
        try:
            spec = NetworkSpec.from_text(spec_text(values, comment), header["name"])
            difference = _first_difference(wanted, _operations(spec))
        except ArchbuilderError as error:
            difference = error.problems[0].message if isinstance(error, SpecError) else str(error).splitlines()[0]
        if not difference:
            return spec, _uses(spec, blocks), notes
        what = "no blocks: they would not be the same network" if with_blocks else "every layer is written out"
        notes.append(f"{what} ({difference})")
    return plain, {}, notes[-1:]


def _first_difference(wanted: Sequence[_Operation], found: Sequence[_Operation]) -> str:
    """Describe the first operation that is another; return an empty string if all are the same."""
    for one, other in zip_longest(wanted, found):
        if one != other:
            place = next(each.name for each in (one, other) if each)
            there, here = (f"{each.call} of {shape_text(each.shape)}" if each else "nothing" for each in (one, other))
            more = " of other inputs" if there == here else ""
            return f"folded, {place or 'a layer without weights'} is {here}{more} instead of {there}"
    return ""


def _operations(spec: NetworkSpec) -> list[_Operation]:
    """Return what a network does: each operation's torch call and inputs, and the names of those with weights."""
    plan = spec.plan()
    places: dict[int, int] = {NETWORK_INPUT: NETWORK_INPUT}
    found: list[_Operation] = []
    for layer in plan.all_layers():
        for op in layer.ops:
            inputs = tuple(places[each] for each in op.inputs)
            inputs = inputs if getattr(op.op, "type", "") == "concat" else tuple(sorted(inputs))
            call = str(op.op.call(op.input_shapes[0])) if isinstance(op.op, Primitive) else op.op.type
            if call in ("torch.nn.Identity()", "add", "multiply") and len(inputs) == 1:  # a branch that is left alone
                places[op.index] = inputs[0]
                continue
            weighted = isinstance(op.op, Primitive) and any(each.saved for each in op.op.weights(op.input_shapes[0]))
            places[op.index] = len(found)
            found.append(_Operation(op.name if weighted else "", call, inputs, op.output_shape))
    return found


def _uses(spec: NetworkSpec, blocks: Blocks) -> dict[str, int]:
    """Count the modules that each block stands for."""
    return {name: count for name, count in blocks.counts.items() if f"\n  {name}:" in spec.text}


def _assembled(
    drafted: Draft, header: dict[str, Any], *, folded: bool, with_blocks: bool = True, conv: bool = True
) -> tuple[dict[str, Any], Blocks]:
    """Return the mapping of the file, and its blocks."""
    blocks = Blocks()
    layers, heads = copy.deepcopy((drafted.layers, drafted.heads))
    if len(drafted.output) == 1:
        for members in (layers, *(head["sequence"] for head in heads)):
            _derive_classes(members, drafted.output[0])
    if folded:
        layers, heads = with_idioms(absorbed(layers), conv=conv), with_idioms(heads, conv=conv)
        if with_blocks:
            blocks.find([*layers, *heads])
        layers = with_repeats(layers, blocks.bodies, blocks.defaults)
    spec = dict(header)
    if len(drafted.output) == 1:
        spec["classes"] = drafted.output[0]
    else:
        spec["output"] = "map"
    if blocks.bodies:
        spec["blocks"] = {
            name: {**block, "body": with_repeats(block["body"], blocks.bodies, blocks.defaults)}
            for name, block in blocks.bodies.items()
        }
    spec["layers"] = layers
    if heads:
        spec["aux"] = [_head(head) for head in heads]
    if conv and folded and count_of(spec, "conv") == 1:  # one alone is shorter as what it is made of
        return _assembled(drafted, header, folded=folded, with_blocks=with_blocks, conv=False)
    spec = with_settings(spec)
    spec["layers"] = tidied(spec["layers"], top=True)
    if "blocks" in spec:
        spec["blocks"] = {name: {**block, "body": tidied(block["body"])} for name, block in spec["blocks"].items()}
    if "aux" in spec:
        spec["aux"] = [{**h, "layers": tidied(h["layers"], top=True)} if "layers" in h else h for h in spec["aux"]]
    return spec, blocks


def _head(head: dict[str, Any]) -> dict[str, Any]:
    written = {"name": head["name"], "after": head["(after)"]}
    if head["(listed)"]:
        written["listed"] = "at_tap"
    if "sequence" in head:
        return {**written, "layers": head["sequence"]}
    return written | {key: value for key, value in head.items() if not key.startswith("(") and key != "name"}


def _derive_classes(members: Members, classes: int) -> None:
    """Let the last layer with weights follow the number of classes."""
    weighted = [m for m in below(members) if m.get("type") in ("linear", "convolution")]
    if weighted and weighted[-1].get("out") == classes and any(weighted[-1] is each for each in below(members)):
        weighted[-1]["out"] = "$classes"
