"""Random valid specs over the whole language, from a seed: every primitive, merge and way to nest, name and repeat."""

from collections.abc import Callable
from random import Random
from typing import Any

from archbuilder.primitives import ACTIVATIONS

Layer = dict[str, Any]
Shape = tuple[int, int, int]
LARGEST = 12  # of a map, in each direction


def language_spec(seed: int) -> dict[str, Any]:
    """Return a spec as the mapping that its YAML file would be."""
    return _Writer(Random(seed)).spec()


class _Writer:
    """Writes one spec; layers are drawn for the shape that arrives at them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._names = 0
        self._blocks: dict[str, Any] = {}
        self._last = "input"

    def spec(self) -> dict[str, Any]:
        random = self._random
        shape = random.randint(1, 4), random.randint(2, 8), random.randint(2, 8)
        classes, ends_in_map = random.randint(1, 5), random.random() < 0.25
        start, layers, places = shape, [], []
        earlier: dict[str, Shape] = {"input": shape}
        for _ in range(random.choice([1, 1, 2, 3])):
            layer, shape = self._stage(shape, earlier)
            layers.append(layer)
            self._last = layer.get("name", "{")
            if "{" not in self._last:
                places.append(self._last)
                earlier[self._last] = shape
        values: dict[str, Any] = {
            "name": "random",
            "input": {"channels": start[0], "height": start[1], "width": start[2]},
            "conv": random.choice([{}, {"norm": "batch"}, {"conv_name": 0, "norm_name": 1, "activation_name": 2}]),
            "variables": {"half": 0.5, "few": 2, "both": ["$few", "$few + 1"]},
            "layers": layers,
        }
        if ends_in_map:
            return values | {"output": "map", "blocks": self._blocks}
        layers += self._ending(shape, classes, named=True)
        heads = [
            {"name": f"head{position}", "after": place, "layers": self._ending(earlier[place], classes)}
            for position, place in enumerate(random.sample(places, min(len(places), random.randint(0, 2))))
        ]
        return values | {"classes": classes, "aux": heads, "blocks": self._blocks}

    def _ending(self, shape: Shape, classes: int, *, named: bool = False) -> list[Layer]:
        name = {"name": self._name("fc")} if named else {}
        pooled = self._random.choice([[{"type": "global_avg_pool"}, {"type": "flatten"}], [{"type": "spatial_mean"}]])
        return [*pooled, name | {"type": "linear", "out": classes}]

    def _name(self, word: str) -> str:
        self._names += 1
        return f"{word}{self._names}"

    # -- members -----------------------------------------------------------------------------------------------------

    def _stage(self, shape: Shape, earlier: dict[str, Shape]) -> tuple[Layer, Shape]:
        """Draw a top-level member: a sequence, a block, a fork of earlier outputs, or a repeat of any name."""
        kind = self._random.choice(["sequence", "block", "earlier", "numbered", "splice", "from", "layer"])
        if kind == "block":
            return self._block(shape)
        if kind == "earlier":
            alike = [name for name, other in earlier.items() if other == shape]
            merge = self._random.choice(["add", "multiply", "concat"])
            if merge == "concat":
                alike = [name for name, other in earlier.items() if other[1:] == shape[1:]]
            taken = self._random.sample(alike, min(len(alike), 2))
            channels = shape[0] + sum(earlier[name][0] for name in taken)
            return {"name": self._name("sum"), merge: [[], *taken]}, (
                channels if merge == "concat" else shape[0],
                *shape[1:],
            )
        if kind == "from" and self._last in earlier:  # a trace leaves out what nothing takes, so the last is taken
            alike = [name for name, other in earlier.items() if other[1:] == shape[1:]]
            taken = [self._last, self._random.choice(alike)]
            layer = {"name": self._name("join"), "type": "conv", "out": 3, "kernel": 1, "from": taken}
            return layer, (3, *shape[1:])
        if kind == "numbered":
            layer, after = self._repeatable(shape)
            first = self._random.choice(["", "1", "7"])
            return layer | {"name": f"{self._name('unit')}-{{{first}}}", "repeat": self._random.randint(1, 2)}, after
        if kind == "layer":
            layer, shape = self._layer(shape)
            return {"name": self._name("layer")} | layer, shape
        members, shape = self._members(shape, 2)
        name = {"splice": True} if kind == "splice" else {"name": self._name("stage")}
        return name | {"sequence": members}, shape

    def _members(self, shape: Shape, depth: int) -> tuple[list[Layer], Shape]:
        members = []
        for _ in range(self._random.randint(1, 2)):
            kind = self._random.choice(["layer", "fork", "split", "sequence", "repeat", "gone"] if depth else ["layer"])
            if kind == "fork":
                member, shape = self._fork(shape, depth - 1)
            elif kind == "split" and shape[0] > 1:
                member, shape = self._split(shape, depth - 1)
            elif kind == "sequence":
                inner, shape = self._members(shape, depth - 1)
                member = {"sequence": inner, "splice": self._random.random() < 0.3}
            elif kind == "repeat":
                member, shape = self._repeatable(shape)
                member["repeat"] = self._random.choice([1, 2, "$few"])
            elif kind == "gone":
                member = {"type": "conv", "out": 9, "kernel": 1, "when": "$few > 2"}
            else:
                member, shape = self._layer(shape)
            members.append(member)
        return members, shape

    def _repeatable(self, shape: Shape) -> tuple[Layer, Shape]:
        out = self._random.randint(1, 5)
        return {"type": "conv", "out": out, "kernel": 3, "padding": "half"}, (out, *shape[1:])

    def _fork(self, shape: Shape, depth: int) -> tuple[Layer, Shape]:
        merge = self._random.choice(["concat", "add", "multiply"])
        channels, *size = shape
        if merge == "multiply":
            gate = self._random.choice(
                [
                    [{"type": "global_avg_pool"}, {"type": "convolution", "out": channels, "kernel": 1}],
                    [{"type": "convolution", "out": 1, "kernel": 1}, {"type": "activation", "function": "sigmoid"}],
                    {"type": "activation", "function": "tanh"},
                ]
            )
            return {merge: self._named([[], gate])}, shape
        branches, widths = [], []
        for _ in range(self._random.randint(1, 2)):
            members, after = self._members(shape, depth)
            if after[1:] != shape[1:] or merge == "add":
                members.append({"type": "adaptive_max_pool", "output": list(size)})
                members.append({"type": "convolution", "out": channels, "kernel": 1})
                after = shape
            branches.append(members)
            widths.append(after[0])
        return {merge: self._named(branches)}, (sum(widths) if merge == "concat" else channels, size[0], size[1])

    def _split(self, shape: Shape, depth: int) -> tuple[Layer, Shape]:
        channels, *size = shape
        first = self._random.randint(1, channels - 1)
        equal = channels % 2 == 0 and self._random.random() < 0.5
        parts = [channels // 2] * 2 if equal else [first, channels - first]
        branches, widths = [], []
        for part in parts:
            members, after = (
                self._members((part, size[0], size[1]), depth) if self._random.random() < 0.6 else ([], None)
            )
            if after is not None and after[1:] != shape[1:]:
                members.append({"type": "adaptive_avg_pool", "output": list(size)})
            branches.append(members)
            widths.append(after[0] if after else part)
        split: Any = 2 if equal else self._random.choice([parts, [first, "$in_channels - " + str(first)]])
        return {"split": split, "concat": self._named(branches)}, (sum(widths), size[0], size[1])

    def _named(self, branches: list[Any]) -> Any:
        """Name branches, or leave them a list."""
        if self._random.random() < 0.5:
            return branches
        return {self._name("branch"): branch for branch in branches}

    def _block(self, shape: Shape) -> tuple[Layer, Shape]:
        """Draw a block of the file's own, with computed defaults and names, and a use of it."""
        type_, out = self._name("block"), self._random.randint(2, 5)
        members, after = self._members(shape, 1)
        self._blocks[type_] = {
            "parameters": {
                "out": "width",
                "inner": {"type": "width", "default": "make_divisible($out / 2, 2)"},
                "kernel": 3,
                "act": {"type": "activation", "default": "silu"},
                "last": {"type": "name", "default": "last"},
            },
            "body": [
                *members,
                {"type": "conv", "out": "$inner", "kernel": 1, "activation": "$act"},
                {"type": "convolution", "out": "$in_channels", "kernel": "$kernel", "groups": "$in_channels",
                 "padding": "half"},
                {"name": "$last", "type": "convolution", "out": "min($out, 4)", "kernel": 1},
            ],
        }  # fmt: skip
        layer = {"name": self._name("use"), "type": type_, "out": out}
        layer |= self._random.choice([{}, {"inner": 3}, {"last": 77, "kernel": 1}, {"act": "none"}])
        return layer, (min(out, 4), *after[1:])

    # -- layers ------------------------------------------------------------------------------------------------------

    def _layer(self, shape: Shape) -> tuple[Layer, Shape]:
        """Draw a layer that can take the shape."""
        while True:
            drawn = self._random.choice(_LAYERS)(self._random, shape)
            if drawn is not None:
                return drawn


def _divisor(random: Random, *counts: int) -> int:
    return random.choice([n for n in range(1, min(counts) + 1) if not any(count % n for count in counts)])


def _conv(random: Random, shape: Shape) -> tuple[Layer, Shape]:
    out, kernel = random.randint(1, 5), [random.randint(1, 3), random.randint(1, 3)]
    layer: Layer = {"type": random.choice(["conv", "convolution"]), "out": out, "kernel": kernel, "padding": "same"}
    layer |= {"groups": _divisor(random, shape[0], out), "bias": random.random() < 0.5}
    if layer["type"] == "conv":
        layer |= {"norm": random.choice(["none", "batch"]), "activation": random.choice([*ACTIVATIONS])}
        return layer, (out, *shape[1:])
    stride = random.randint(1, 2)
    if min(shape[1:]) > 2:
        layer["padding_mode"] = random.choice(["zeros", "replicate", "circular", "reflect"])
    return layer | {"stride": stride}, (out, -(-shape[1] // stride), -(-shape[2] // stride))


def _transposed(random: Random, shape: Shape) -> tuple[Layer, Shape] | None:
    if max(shape[1:]) * 2 > LARGEST:
        return None
    out = random.randint(1, 4)
    layer = {"type": "transposed_convolution", "out": out, "kernel": 2, "stride": 2}
    return layer | {"groups": _divisor(random, shape[0], out)}, (out, shape[1] * 2, shape[2] * 2)


def _norm(random: Random, shape: Shape) -> tuple[Layer, Shape]:
    layers: list[Layer] = [
        {"type": "batch_norm", "scale": random.random() < 0.5, "shift": random.random() < 0.5},
        {"type": "group_norm", "groups": _divisor(random, shape[0]), "affine": random.random() < 0.5},
        {"type": "layer_norm", "affine": random.random() < 0.5},
        {"type": "global_response_norm"},
        {"type": "l2_norm"},
        {"type": "local_response_norm", "size": random.randint(1, 4)},
        {"type": "scale", "initial": 0.5, "flat": random.random() < 0.5},
        {"type": "rescale", "scale": "$half"},
    ]
    return random.choice(layers), shape


def _pointwise(random: Random, shape: Shape) -> tuple[Layer, Shape]:
    layers: list[Layer] = [
        {"type": "activation", "function": random.choice([*ACTIVATIONS])},
        {"type": "dropout", "p": 0.1},
        {"type": "stochastic_depth", "p": 0.1},
        {"type": "identity"},
        {"type": "softmax", "over": random.choice(["channels", "positions"])},
        {"type": "channel_shuffle", "groups": _divisor(random, shape[0])},
    ]
    return random.choice(layers), shape


def _per_position(random: Random, shape: Shape) -> tuple[Layer, Shape]:
    out = random.randint(1, 5)
    return {"type": "linear", "out": out, "per_position": True}, (out, *shape[1:])


def _pool(random: Random, shape: Shape) -> tuple[Layer, Shape]:
    stride, kernel = random.randint(1, 2), random.randint(1, 3)
    layer: Layer = {"type": random.choice(["max_pool", "avg_pool"]), "kernel": kernel, "stride": stride}
    if layer["type"] == "avg_pool":
        layer["count_include_pad"] = random.random() < 0.5
    return layer | {"padding": "same"}, (shape[0], -(-shape[1] // stride), -(-shape[2] // stride))


def _upsample(random: Random, shape: Shape) -> tuple[Layer, Shape] | None:
    if max(shape[1:]) * 2 > LARGEST:
        return None
    layer = {"type": "upsample", "factor": 2, "mode": random.choice(["nearest", "bilinear"])}
    return layer, (shape[0], shape[1] * 2, shape[2] * 2)


def _shuffled(random: Random, shape: Shape) -> tuple[Layer, Shape] | None:
    channels, height, width = shape
    if channels % 4 == 0 and max(height, width) * 2 <= LARGEST:
        return {"type": "pixel_shuffle", "factor": 2}, (channels // 4, height * 2, width * 2)
    if height % 2 == 0 and width % 2 == 0:
        return {"type": "pixel_unshuffle", "factor": 2}, (channels * 4, height // 2, width // 2)
    return None


def _slice(random: Random, shape: Shape) -> tuple[Layer, Shape]:
    channels = random.randint(1, shape[0])
    return {"type": "slice", "start": random.randint(0, shape[0] - channels), "channels": channels}, (
        channels,
        *shape[1:],
    )


_LAYERS: list[Callable[[Random, Shape], tuple[Layer, Shape] | None]] = [
    _conv,
    _conv,
    _norm,
    _pointwise,
    _pool,
    _transposed,
    _per_position,
    _upsample,
    _shuffled,
    _slice,
]
