"""What is written in boxes and headings: names of repetitions, settings, nothing twice, nothing cut without need."""

from typing import Any
from xml.etree import ElementTree

import pytest

from archbuilder import NetworkSpec, load
from archbuilder.drawing.box_text import range_of_names
from archbuilder.drawing.drawing import scene_of
from archbuilder.drawing.figures import Box, Frame
from archbuilder.drawing.measure import Measures, measure
from archbuilder.plan.plan import Plan

SVG = "{http://www.w3.org/2000/svg}"
HEADER = "name: net\ninput: {channels: 8, height: 16, width: 16}\noutput: map\n"


def plan_of(*layers: str, blocks: str = "") -> Plan:
    return NetworkSpec.from_text(HEADER + blocks + "layers:\n" + "".join(f"  - {{{one}}}\n" for one in layers)).plan()


def lines(plan: Plan, **options: Any) -> dict[str, list[str]]:
    """Return the lines of each box by the name of what it stands for."""
    texts = measure(scene_of(plan, **options)).texts
    return {box.name: [line.text for line in found] for box, found in texts.items() if box.copies}


def headings(measures: Measures) -> dict[str, tuple[str, str]]:
    return {frame.name: heading for frame, heading in measures.headings.items()}


@pytest.mark.parametrize(
    ("first", "last", "count", "name"),
    [
        ("a.b", "", 1, "a.b"),
        ("layer1.0", "layer1.5", 6, "layer1.0–5"),
        ("denselayer1", "denselayer12", 12, "denselayer1–12"),
        ("blocks.6.1", "blocks.6.2", 2, "blocks.6.1–2"),
        ("Mixed_5c", "Mixed_5d", 2, "Mixed_5c, Mixed_5d"),
        ("stage3", "more3.0", 2, "stage3, more3.0"),
        ("stage3", "more3.3", 5, "stage3 … more3.3"),
        ("s.first", "s.last", 3, "s.first … last"),
        ("s.0", "t.1", 3, "s.0 … t.1"),
        ("s.block2-1", "s.block2-2", 2, "s.block2-1, block2-2"),
        ("block2-1", "block2-6", 6, "block2-1 … block2-6"),
    ],
)
def test_the_names_of_a_repetition(first: str, last: str, count: int, name: str) -> None:
    assert range_of_names(first, last, count) == name


def test_names_of_a_shipped_repetition() -> None:
    found = headings(measure(scene_of(load("mixed_small_28").plan())))
    assert found["stage3"] == ("stage3, more3.0", "mixed × 2")


CONV = "type: conv, out: 8, kernel: 1, norm: none"


@pytest.mark.parametrize(
    ("follower", "text"),
    [
        ("type: rescale, scale: 0.17", "rescale 0.17"),
        ("type: rescale, scale: 0.5, shift: 2.0", "rescale 0.5 shift 2"),
        (f"type: rescale, scale: [{', '.join(['0.5'] * 8)}]", "rescale per channel"),
        ("type: stochastic_depth, p: 0.1", "stochastic depth p 0.1"),
        ("type: group_norm, groups: 4", "GN 4 groups"),
        ("type: batch_norm", "BN"),
        ("type: activation, function: leaky_relu", "leaky ReLU"),
        ("type: activation, function: leaky_relu, negative_slope: 0.2", "leaky ReLU slope 0.2"),
        ("type: local_response_norm, size: 3", "local response norm size 3"),
        ("type: softmax, over: positions", "softmax over positions"),
        ("type: scale, initial: 1.0e-6, flat: true", "layer scale initial 1e-06"),
        ("type: dropout, p: 0.25", "dropout 0.25"),
    ],
)
def test_a_follower_is_written_with_its_settings(follower: str, text: str) -> None:
    found = lines(plan_of(f"name: a, {CONV}, activation: none", f"name: b, {follower}"))
    assert found == {"a": ["1×1 conv, 8", text, "a"]}


def test_settings_that_differ_in_a_repetition_are_written_as_a_range() -> None:
    layers = [f"add: [[], [{{{CONV}}}, {{type: stochastic_depth, p: {p}}}]]" for p in (0.1, 0.3, 0.2)]
    scene = scene_of(plan_of(*layers))
    (box,) = (figure for figure in scene.figures() if isinstance(figure, Box) and figure.copies)
    assert box.caption.details == ("ReLU", "stochastic depth p 0.1–0.3")


@pytest.mark.parametrize("layer", ["type: stochastic_depth, p: 0.1", "type: channel_shuffle, groups: 2", "type: scale"])
def test_a_name_that_the_box_says_already_is_left_out(layer: str) -> None:
    kind = layer.partition(",")[0].removeprefix("type: ")
    name = {"scale": "layer-scale"}.get(kind, kind)
    first, *others = lines(plan_of(f"name: {name}, {layer}"))[name]
    assert first == name.replace("_", " ").replace("-", " ")
    assert name not in others


BLOCKS = """blocks:
  down:
    parameters: {out: width}
    body:
      - {name: a, type: conv, out: $out, kernel: 3, padding: 1, stride: 2}
      - {name: b, add: [[], [{type: conv, out: $out, kernel: 3, padding: 1}]]}
      - {name: c, type: max_pool, kernel: 2}
"""


def test_a_block_in_one_box_has_its_stride_and_its_name_once() -> None:
    plan = plan_of("name: down, type: down, out: 4", "name: x, type: conv, out: 4, kernel: 1", blocks=BLOCKS)
    assert lines(plan, depth=1)["down"] == ["down, 4", "stride 4 · 3×3 conv", "6 operations"]
    ghost = lines(load("ghostnet_timm").plan())
    assert ghost["blocks.1.0.shortcut"] == ["shortcut, 24", "stride 2 · 3×3, 1×1 conv", "4 operations"]
    assert "stride" not in " ".join(ghost["blocks.6.3.shortcut"])
    assert lines(load("googlenet").plan(), depth=1)["aux1"] == ["aux_head, 1,000", "1×1 conv · 9 operations"]


def test_a_block_that_grows_a_map_or_ends_in_a_vector_has_no_stride() -> None:
    grow = "name: s, sequence: [{type: upsample, factor: 2}, {type: conv, out: 8, kernel: 3, padding: 1}]"
    for text in (lines(plan_of(grow), depth=1)["s"], lines(load("googlenet").plan(), depth=1)["aux1"]):
        assert text[1].endswith("operations")
        assert "stride" not in " ".join(text)


def test_a_block_in_one_box_has_a_double_outline() -> None:
    root = ElementTree.fromstring(load("googlenet").draw(depth=1))
    groups = [group for group in root.iter(f"{SVG}g") if group.get("data-name")]
    double = {group.get("data-name") for group in groups if group.find(f"{SVG}rect[@class='inner']") is not None}
    composites = {group.get("data-name") for group in groups if "composite" in str(group.get("class"))}
    assert double == composites != set()


def test_the_name_of_an_operation_is_never_cut() -> None:
    found = lines(plan_of("name: up, type: transposed_convolution, out: 1024, kernel: [12, 12], stride: 12"))
    assert found["up"][0] == "12×12 transposed conv, 1,024"


def test_a_heading_takes_the_width_of_its_frame() -> None:
    label = "a_block_whose_name_is_longer_than_any_name_should_be"
    branches = ", ".join(f"[{{type: conv, out: 8, kernel: 3, padding: 1, groups: {2**one}}}]" for one in range(4))
    blocks = f"blocks:\n  {label}:\n    body: [{{name: all, concat: [{branches}, {branches}]}}]\n"
    found = headings(measure(scene_of(plan_of(f"name: x, type: {label}", blocks=blocks))))
    assert found["x"][1] == label
    narrow = f"blocks:\n  {label}:\n    body: [{{name: a, {CONV}}}, {{name: b, {CONV}, activation: gelu}}]\n"
    assert "…" in headings(measure(scene_of(plan_of(f"name: x, type: {label}", blocks=narrow))))["x"][1]


def test_the_output_of_a_map_has_its_size() -> None:
    scene = scene_of(plan_of("type: conv, out: 5, kernel: 1, stride: 2"))
    assert [box.caption.details for box in scene.figures() if isinstance(box, Box)][-1] == ("a map of 5 x 8 x 8",)


@pytest.mark.parametrize(
    ("name", "depth", "words"),
    [
        ("inception_digits", None, []),
        ("inception_digits", 1, ["a whole block or sequence"]),
        ("resnet18_torchvision", None, ["× N: N equal ones, colored by all N together"]),
    ],
)
def test_the_legend_explains_what_is_drawn(name: str, depth: int | None, words: list[str]) -> None:
    root = ElementTree.fromstring(load(name).draw(depth=depth))
    (legend,) = (group for group in root.iter(f"{SVG}g") if group.get("class") == "legend")
    texts = [element.text for element in legend.iter(f"{SVG}text")]
    assert texts == ["none", "< 1 %", "1–3 %", "3–10 %", "10–30 %", "> 30 %", "share of the MACs", *words]


def test_a_repetition_says_in_what_its_copies_differ() -> None:
    root = ElementTree.fromstring(load("densenet121_torchvision").draw())
    titles = {group.get("data-name"): str(group[0].text).splitlines() for group in root.iter(f"{SVG}g") if len(group)}
    name = "features.denseblock1.denselayer1"
    assert titles[name][:2] == [
        f"{name} to features.denseblock1.denselayer6: dense_layer × 6",
        "input channels 64 to 224",
    ]
    assert "equal ones in a row; their input channels may differ." in str(root[1].text)
    folded = scene_of(load("resnet18_torchvision").plan())
    assert any(isinstance(figure, Frame) and figure.count > 1 for figure in folded.figures())
    assert "input channels" not in load("resnet18_torchvision").draw().partition("</desc>")[2]
