"""Random valid specs with nested forks, residuals, sequences, repeats, blocks of their own and taps inside blocks."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from hypothesis import strategies as st

from support.random_specs import ACTIVATIONS

Members = list[dict[str, Any]]


@st.composite
def _keeping(draw: st.DrawFn, channels: int) -> tuple[dict[str, Any], int]:
    """Draw a layer that keeps the size of the map."""
    kind = draw(st.sampled_from(["conv", "conv", "convolution", "depthwise_separable", "norm", "pointwise", "pool"]))
    if kind in ("conv", "convolution", "depthwise_separable"):
        out = draw(st.integers(1, 6))
        layer: dict[str, Any] = {"type": kind, "out": out, "kernel": [draw(st.integers(1, 4)), draw(st.integers(1, 4))]}
        layer |= {"padding": "same"} | ({"kernel": draw(st.integers(1, 4))} if kind == "depthwise_separable" else {})
        if kind != "depthwise_separable":
            layer["dilation"] = draw(st.integers(1, 2))
            layer["groups"] = draw(
                st.sampled_from([n for n in range(1, channels + 1) if not channels % n and not out % n])
            )
        if kind == "conv":
            layer |= {
                "norm": draw(st.sampled_from(["none", "batch"])),
                "activation": draw(st.sampled_from(ACTIVATIONS)),
            }
        return layer, out
    divisors = [n for n in range(1, channels + 1) if not channels % n]
    layer = draw(
        st.sampled_from(
            [
                {"type": "batch_norm", "scale": draw(st.booleans()), "shift": draw(st.booleans())},
                {"type": "group_norm", "groups": draw(st.sampled_from(divisors)), "affine": draw(st.booleans())},
                {"type": "local_response_norm", "size": draw(st.integers(1, 5))},
            ]
            if kind == "norm"
            else [
                {"type": "activation", "function": draw(st.sampled_from(ACTIVATIONS))},
                {"type": "dropout", "p": 0.1},
                {"type": "identity"},
                {"type": "rescale", "scale": 0.5, "shift": [0.1] * channels},
                {"type": "channel_shuffle", "groups": draw(st.sampled_from(divisors))},
            ]
            if kind == "pointwise"
            else [
                {"type": "max_pool", "kernel": draw(st.sampled_from([1, 3])), "stride": 1, "padding": "half"},
                {"type": "avg_pool", "kernel": 3, "stride": 1, "padding": 1, "count_include_pad": draw(st.booleans())},
            ]
        )
    )
    return layer, channels


@st.composite
def _fork(draw: st.DrawFn, channels: int, depth: int) -> tuple[dict[str, Any], int]:
    merge = draw(st.sampled_from(["concat", "add", "multiply"]))
    if merge == "multiply":
        gate: Members = [
            {"type": "global_avg_pool"},
            {"type": "conv", "out": channels, "kernel": 1, "activation": "sigmoid"},
        ]
        return {merge: {"skip": [], "gate": gate} if draw(st.booleans()) else [[], gate]}, channels
    branches, widths = [], []
    for _ in range(draw(st.integers(1, 3))):
        members, width = draw(_members(channels, depth - 1, st.integers(0, 2)))
        branches.append(members)
        widths.append(width)
    if merge == "add":
        out = draw(st.sampled_from([channels, draw(st.integers(1, 6))]))
        for position, width in enumerate(widths):
            if width != out:
                branches[position] = [*branches[position], {"type": "convolution", "out": out, "kernel": 1}]
        total = out
    else:
        total = sum(widths)
    named = draw(st.booleans())
    fork = {merge: {f"branch{i}": members for i, members in enumerate(branches)} if named else branches}
    return fork, total


@st.composite
def _members(draw: st.DrawFn, channels: int, depth: int, counts: st.SearchStrategy[int]) -> tuple[Members, int]:
    members: Members = []
    for _ in range(draw(counts)):
        kind = draw(st.sampled_from(["layer", "layer", "fork", "sequence", "repeat"] if depth > 0 else ["layer"]))
        if kind == "fork":
            member, channels = draw(_fork(channels, depth))
        elif kind == "sequence":
            inner, channels = draw(_members(channels, depth - 1, st.integers(1, 3)))
            member = {"sequence": inner}
        else:
            member, channels = draw(_keeping(channels))
            if kind == "repeat" and member["type"] == "conv" and member["groups"] == 1:
                member["repeat"] = draw(st.integers(1, 3))
        members.append(member)
    return members, channels


def _unique_branches(value: Any, count: Iterator[int]) -> Any:
    """Give every named branch a name of its own: an unnamed fork adds nothing to the names of its branches."""
    if isinstance(value, list):
        return [_unique_branches(item, count) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: {f"{name}_{next(count)}": _unique_branches(branch, count) for name, branch in item.items()}
        if key in ("concat", "add", "multiply") and isinstance(item, dict)
        else _unique_branches(item, count)
        for key, item in value.items()
    }


@st.composite
def nested_specs(draw: st.DrawFn) -> dict[str, Any]:
    """A network of random members, some of them the body of a block, with `from` and heads at named places."""
    channels = start = draw(st.integers(1, 4))
    size = draw(st.integers(4, 10))
    classes = draw(st.integers(1, 6))
    layers: Members = []
    places: list[str] = []
    blocks: dict[str, Any] = {}
    widths: dict[str, int] = {"input": channels}
    for position in range(draw(st.integers(1, 4))):
        inner, after = draw(_members(channels, 2, st.integers(1, 3)))
        name = f"stage{position}"
        if draw(st.booleans()):
            last = {"name": "end", "type": "conv", "out": "$out + 1", "kernel": 1}
            blocks[f"block{position}"] = {"parameters": {"out": "width"}, "body": [*inner, last]}
            out = draw(st.integers(1, 5))
            layer: dict[str, Any] = {"name": name, "type": f"block{position}", "out": out}
            channels = out + 1
            places.append(f"{name}.end")
        else:
            layer = {"name": name, "sequence": inner}
            channels = after
        if len(widths) > 1 and draw(st.booleans()):
            # What came just before is always taken: a trace leaves out what nothing takes.
            sources = [name, *draw(st.lists(st.sampled_from(sorted(widths)), max_size=2))]
            layers.append(layer)
            widths[name] = channels
            name, channels = f"join{position}", draw(st.integers(1, 4))
            layer = {"name": name, "type": "conv", "out": channels, "kernel": 1, "from": sources}
        layers.append(layer)
        widths[name] = channels
        places.append(name)
    layers += [{"type": "global_avg_pool"}, {"type": "flatten"}, {"name": "fc", "type": "linear", "out": classes}]
    taps = draw(st.lists(st.sampled_from(places), max_size=2))
    return {
        "name": "nested",
        "input": {"channels": start, "height": size, "width": size + 1},
        "classes": classes,
        "conv": {"norm": draw(st.sampled_from(["none", "batch"]))},
        **({"blocks": _unique_branches(blocks, count())} if blocks else {}),
        "layers": _unique_branches(layers, count()),
        "aux": [
            {
                "name": f"head{i}",
                "after": tap,
                "layers": [{"type": "global_avg_pool"}, {"type": "flatten"}, {"type": "linear", "out": classes}],
            }
            for i, tap in enumerate(taps)
        ],
    }
