"""Figures say what the plan says: who takes whose output, what is folded, what is opened."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from support.language_specs import language_spec

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.drawing.captions import caption
from archbuilder.drawing.drawing import draw, scene_of
from archbuilder.drawing.figures import Box, Figure, Frame, Join, Line, Parallel, Scene, Series, within
from archbuilder.drawing.opening import Opening
from archbuilder.drawing.scene import build_scene
from archbuilder.plan.plan import NETWORK_INPUT, Plan
from archbuilder.spec.sources import shipped_names

HEADER = "input: {channels: 4, height: 8, width: 8}\noutput: map\nlayers:\n"


def plan_of(*layers: str, after: str = "") -> Plan:
    lines = "".join(f"  - {{{layer}}}\n" for layer in layers)
    return NetworkSpec.from_text(HEADER + lines + after).plan()


def boxes(scene: Scene) -> list[Box]:
    return [figure for figure in scene.figures() if isinstance(figure, Box) and figure.copies]


def frames(scene: Scene) -> list[tuple[str, str, int]]:
    return [(one.name, one.last_name, one.count) for one in scene.figures() if isinstance(one, Frame)]


# -- connections -----------------------------------------------------------------------------------------------------


class Follower:
    """Follows the lines of a scene that is not folded, and compares them with the inputs of the plan's operations."""

    def __init__(self, scene: Scene) -> None:
        self._outputs: dict[Figure, int] = {}
        self._sources: dict[Figure, list[Figure]] = {}
        for edge in scene.edges:
            self._sources.setdefault(edge.target, []).append(edge.source)
        self.follow(scene.trunk, NETWORK_INPUT)
        for head in scene.heads:
            self.follow(head.frame, self._outputs[head.source])

    def follow(self, figure: Figure, incoming: int) -> int:
        found = self._outputs[figure] = self._output(figure, incoming)
        return found

    def _output(self, figure: Figure, incoming: int) -> int:
        far = [self._outputs[source] for source in self._sources.get(figure, ())]
        match figure:
            case Box(kind="source"):
                (source,) = far
                return source
            case Box(copies=[]) | Line():
                return incoming
            case Box():
                (copy,) = figure.copies
                for op in copy:
                    assert op.inputs == (incoming,), op
                    incoming = op.index
                return incoming
            case Join():
                return self._join(figure, [incoming] if figure.linked else [])
            case Frame():
                return self.follow(figure.child, incoming)
            case Series():
                for member in figure.members:
                    incoming = self.follow(member, incoming)
                return incoming
            case Parallel():
                return self.follow_join(figure.join, [self.follow(branch, incoming) for branch in figure.branches])
        raise AssertionError(figure)

    def follow_join(self, join: Join, incoming: list[int]) -> int:
        found = self._outputs[join] = self._join(join, incoming)
        return found

    def _join(self, join: Join, incoming: list[int]) -> int:
        ((op,),) = join.copies
        far = [self._outputs[source] for source in self._sources.get(join, ())]
        assert {*op.inputs} == {*incoming, *far}, op
        assert not Counter(incoming) - Counter(op.inputs), op
        return op.index


@pytest.mark.parametrize("first", range(0, 300, 10))
def test_lines_are_the_inputs_of_any_network(first: int) -> None:
    for seed in range(first, first + 10):
        Follower(build_scene(NetworkSpec.from_dict(language_spec(seed)).plan(), Opening()))


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_lines_are_the_inputs_of_a_shipped_network(name: str) -> None:
    Follower(build_scene(load(name).plan(), Opening()))


# -- folding ---------------------------------------------------------------------------------------------------------


def test_equal_blocks_fold_with_their_count() -> None:
    found = frames(scene_of(load("inception_resnet_v2_timm").plan()))
    counts = {name: (last, count) for name, last, count in found if count > 1}
    assert counts == {
        "repeat.0": ("repeat.9", 10),
        "repeat_1.0": ("repeat_1.19", 20),
        "repeat_2.0": ("repeat_2.8", 9),
    }


def test_dense_layers_fold_though_their_inputs_grow() -> None:
    scene = scene_of(load("densenet121_torchvision").plan())
    assert [count for name, _, count in frames(scene) if "denselayer" in name] == [6, 12, 24, 16]
    joins = [figure for figure in scene.figures() if isinstance(figure, Join)]
    assert (joins[0].copies[0][0].output_shape[0], joins[0].output[0]) == (96, 256)


def test_blocks_that_differ_do_not_fold() -> None:
    assert all(count == 1 for _, _, count in frames(scene_of(load("googlenet").plan())))


def test_three_equal_layers_fold_and_two_do_not() -> None:
    layer = "type: conv, out: 4, kernel: 3, padding: 1"
    assert [box.count for box in boxes(scene_of(plan_of(*[layer] * 2)))] == [1, 1]
    (box,) = boxes(scene_of(plan_of(*[layer] * 3)))
    assert (box.count, box.name, box.last_name, len(box.copies)) == (3, "0", "2", 3)


def test_layers_that_repeat_together_fold_into_a_nameless_frame() -> None:
    pair = ["type: convolution, out: 4, kernel: 3, padding: 1", "type: max_pool, kernel: 3, stride: 1, padding: 1"]
    scene = scene_of(plan_of(*pair * 4))
    assert frames(scene) == [("", "", 4)]
    assert [len(box.copies) for box in boxes(scene)] == [4, 4]


def test_a_block_whose_output_is_used_later_ends_a_repetition() -> None:
    layer = "type: conv, out: 4, kernel: 3, padding: 1"
    layers = [f"name: c{number}, {layer}" for number in range(8)]
    scene = scene_of(plan_of(*layers, "name: sum, add: [[], c3]"))
    assert [(box.name, box.last_name, box.count) for box in boxes(scene)] == [("c0", "c3", 4), ("c4", "c7", 4)]
    assert [(edge.source.name, edge.target.name) for edge in scene.edges] == [("c0", "sum.(add)")]  # type: ignore[union-attr]


def test_a_head_at_one_of_several_ends_a_repetition() -> None:
    text = (
        "input: {channels: 4, height: 8, width: 8}\nclasses: 2\nlayers:\n"
        '  - {name: "c{0}", type: conv, out: 4, kernel: 1, repeat: 8}\n'
        "  - {type: spatial_mean}\n  - {type: linear, out: 2}\n"
        "aux: [{name: h, after: c3, layers: [{type: spatial_mean}, {type: linear, out: 2}]}]\n"
    )
    scene = scene_of(NetworkSpec.from_text(text).plan())
    assert [(box.name, box.last_name, box.count) for box in boxes(scene)][:2] == [("c0", "c3", 4), ("c4", "c7", 4)]
    (head,) = scene.heads
    assert isinstance(head.source, Box)
    assert (head.source.name, head.frame.name) == ("c0", "h")


def test_equal_branches_fold() -> None:
    branch = "[{type: convolution, out: 2, kernel: 3, padding: 1}]"
    scene = scene_of(plan_of(f"name: many, concat: [{', '.join([branch] * 32)}]"))
    (fork,) = (figure for figure in scene.figures() if isinstance(figure, Parallel))
    assert fork.counts == [32]
    assert "× 32" in draw(plan_of(f"name: many, concat: [{', '.join([branch] * 32)}]"))


# -- what is opened --------------------------------------------------------------------------------------------------


def test_expanding_a_sequence_draws_each_of_its_members() -> None:
    plan = load("densenet121_torchvision").plan()
    found = frames(scene_of(plan, expand=["features.denseblock1"]))
    assert [count for name, _, count in found if name.startswith("features.denseblock1.")] == [1] * 6
    assert [count for name, _, count in found if name.startswith("features.denseblock2.")] == [12]


def test_expanding_one_of_several_leaves_the_others_folded() -> None:
    plan = load("densenet121_torchvision").plan()
    found = frames(scene_of(plan, expand=["features.denseblock1.denselayer3"]))
    assert [count for name, _, count in found if name.startswith("features.denseblock1.")] == [2, 1, 3]


def test_depth_and_expand() -> None:
    plan = load("googlenet").plan()
    scene = scene_of(plan, depth=1, expand=["inception4?"])
    composites = [box.name for box in boxes(scene) if box.kind == "composite"]
    assert composites == ["inception3a", "inception3b", "inception5a", "inception5b", "aux1", "aux2"]
    assert len(boxes(scene_of(plan, depth=1))) == len(plan.layers) + len(plan.heads) - 1  # flatten with its dropout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"expand": ["inception3"]}, "expand: nothing in googlenet is named 'inception3'; did you mean inception3"),
        ({"depth": 0}, "depth: found 0, expected 1 or more"),
        ({"color": "flops"}, "color: found 'flops', expected macs or parameters"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchbuilderError, match=f"^{message}"):
        load("googlenet").draw(**arguments)


# -- captions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "lines"),
    [
        ("type: conv, out: 8, kernel: [1, 3], padding: same, norm: batch", ("1×3 conv, 8", "BN", "ReLU")),
        ("type: convolution, out: 8, kernel: 3, stride: 2, dilation: 2", ("3×3 conv, 8", "stride 2", "dilation 2")),
        ("type: convolution, out: 4, kernel: 3, groups: 4", ("3×3 conv, 4", "depthwise")),
        ("type: convolution, out: 4, kernel: 3, groups: 2, stride: [2, 1]", ("3×3 conv, 4", "stride 2×1", "2 groups")),
        ("type: convolution, out: 4, kernel: 3, padding: 1, padding_mode: reflect", ("3×3 conv, 4", "reflect padding")),
        ("type: transposed_convolution, out: 2, kernel: 2, stride: 2", ("2×2 transposed conv, 2", "stride 2")),
        ("type: linear, out: 3, per_position: true", ("linear, 3", "per position")),
        ("type: max_pool, kernel: 2", ("2×2 max pool", "stride 2")),
        ("type: avg_pool, kernel: 3, stride: 1, padding: 1", ("3×3 avg pool",)),
        ("type: adaptive_avg_pool, output: 2", ("adaptive avg pool to 2×2",)),
        ("type: global_avg_pool", ("global avg pool",)),
        ("type: upsample, factor: 2, mode: bilinear", ("upsample to 16×16", "bilinear")),
        ("type: pixel_unshuffle, factor: 2", ("pixel unshuffle ×2",)),
        ("type: channel_shuffle, groups: 2", ("channel shuffle", "2 groups")),
        ("type: dropout, p: 0.25", ("dropout 0.25",)),
        ("type: activation, function: leaky_relu", ("leaky ReLU",)),
        ("type: batch_norm", ("batch norm",)),
        ("type: local_response_norm, size: 3", ("local response norm", "size 3")),
    ],
)  # fmt: skip
def test_the_text_of_a_box(layer: str, lines: tuple[str, ...]) -> None:
    plan = plan_of(layer)
    found = caption(plan.ops)
    assert (found.main, *found.details) == lines


A = "name: a, type: conv, out: 4, kernel: 1"
FROM = [
    [A, "name: b, type: max_pool, kernel: 2", "name: c, from: a, type: conv, out: 2, kernel: 3"],
    [A, "name: b, from: input, type: conv, out: 4, kernel: 1", "name: c, add: [[], a]"],
    [
        "name: a, sequence: [{name: x, type: conv, out: 4, kernel: 1},"
        " {name: y, from: input, type: conv, out: 2, kernel: 1}, {name: z, concat: [x, [], input]}]"
    ],
    [A, "name: b, from: [input, a], sequence: [{type: conv, out: 2, kernel: 1}]"],
]  # fmt: skip


@pytest.mark.parametrize("layers", FROM)
def test_outputs_that_are_used_again(layers: list[str]) -> None:
    plan = plan_of(*layers)
    Follower(build_scene(plan, Opening()))
    assert 'class="link far"' in draw(plan)


def test_a_block_may_use_its_input_again_and_fold() -> None:
    members = "[{name: x, type: conv, out: 4, kernel: 1}, {name: y, type: conv, out: 4, kernel: 1}, {add: [[], input]}]"
    scene = scene_of(plan_of(f"name: s, repeat: 4, sequence: {members}"))
    assert frames(scene) == [("s.0", "s.3", 4)]
    assert [box.kind for box in scene.figures() if isinstance(box, Box)] == ["input", "port", "op", "op", "output"]


def test_every_kind_of_figure_is_met() -> None:
    kinds: set[object] = set()
    for seed in range(60):
        kinds |= {*_kinds(build_scene(NetworkSpec.from_dict(language_spec(seed)).plan(), Opening()))}
    assert {"op", "part", "input", "output", Join, Line, Parallel, Frame} <= kinds


def _kinds(scene: Scene) -> Iterator[object]:
    for figure in within(scene.trunk):
        yield figure.kind if isinstance(figure, Box) else type(figure)
