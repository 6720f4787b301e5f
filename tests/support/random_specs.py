"""Random valid specs, built as the mapping that the YAML file would be."""

from typing import Any

from hypothesis import strategies as st

ACTIVATIONS = ["none", "relu", "relu6", "silu", "gelu", "hardswish", "leaky_relu", "sigmoid"]


Size = tuple[int, int]


@st.composite
def _conv(draw: st.DrawFn, size: Size) -> tuple[dict[str, Any], Size]:
    kernel = (draw(st.integers(1, min(5, size[0]))), draw(st.integers(1, min(5, size[1]))))
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    layer: dict[str, Any] = {"out": draw(st.integers(1, 9)), "kernel": list(kernel), "stride": list(stride)}
    layer["padding"] = list(padding)
    if draw(st.booleans()):
        layer |= {"norm": draw(st.sampled_from(["none", "batch"])), "activation": draw(st.sampled_from(ACTIVATIONS))}
    if draw(st.booleans()):
        layer["bias"] = draw(st.booleans())
    after = tuple((n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True))
    return layer, (after[0], after[1])


@st.composite
def _pool(draw: st.DrawFn, size: Size) -> tuple[dict[str, Any], Size]:
    kernel = draw(st.integers(1, min(3, *size)))
    stride = draw(st.integers(1, 3))
    padding = draw(st.integers(0, kernel // 2))
    ceil_mode = draw(st.booleans())

    def positions(extent: int) -> int:
        free = extent + 2 * padding - kernel
        count = (-(-free // stride) if ceil_mode else free // stride) + 1
        return count - 1 if ceil_mode and (count - 1) * stride >= extent + padding else count

    layer = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    return layer, (positions(size[0]), positions(size[1]))


@st.composite
def _inception(draw: st.DrawFn) -> dict[str, Any]:
    widths = {key: draw(st.integers(0, 6)) for key in ("1x1", "3x3red", "3x3", "5x5red", "5x5", "pool_proj")}
    if draw(st.booleans()) or not (widths["1x1"] or widths["pool_proj"]):
        widths["1x1"] = draw(st.integers(1, 6))
    return widths | {"5x5_kernel": draw(st.sampled_from([1, 3, 5, 7]))}


@st.composite
def _head(draw: st.DrawFn, name: str, after: str, size: Size) -> dict[str, Any]:
    head: dict[str, Any] = {"name": name, "after": after, "channels": draw(st.integers(1, 5))}
    head |= {"hidden": draw(st.integers(1, 8)), "loss_weight": draw(st.sampled_from([0, 0.3, 1]))}
    if draw(st.booleans()):
        head["pool_output"] = draw(st.integers(1, 3))
    else:
        head["pool_kernel"] = draw(st.integers(1, min(5, *size)))
    return head


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """A network of conv, pools, inception blocks and dropout, with heads at random places."""
    start = size = (draw(st.integers(5, 24)), draw(st.integers(5, 24)))
    classes = draw(st.integers(1, 12))
    layers: list[dict[str, Any]] = []
    sizes: dict[str, Size] = {}
    for position in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["conv", "conv", "max_pool", "avg_pool", "inception", "inception", "dropout"]))
        layer: dict[str, Any] = {}
        if kind == "conv":
            layer, size = draw(_conv(size))
        elif kind in ("max_pool", "avg_pool"):
            layer, size = draw(_pool(size))
        elif kind == "inception":
            layer = draw(_inception())
        name = f"{kind}{position}"
        layers.append({"name": name, "type": kind} | layer)
        sizes[name] = size
    if draw(st.booleans()):
        layers.append({"name": "pool", "type": "global_avg_pool"})
    layers += [{"name": "flatten", "type": "flatten"}, {"name": "fc", "type": "linear", "out": classes}]
    taps = draw(st.lists(st.sampled_from(sorted(sizes)), max_size=3))
    defaults = {"norm": draw(st.sampled_from(["none", "batch"])), "activation": draw(st.sampled_from(ACTIVATIONS))}
    return {
        "name": "random",
        "input": {"channels": draw(st.integers(1, 4)), "height": start[0], "width": start[1]},
        "classes": classes,
        "conv": defaults,
        "init": draw(st.sampled_from(["pytorch", "kaiming", "truncated_normal"])),
        "layers": layers,
        "aux": [draw(_head(f"head{i}", tap, sizes[tap])) for i, tap in enumerate(taps)],
    }
