"""Affines are folded where that is exact, and nowhere else; in float64, to the last digits."""

import pytest
import torch
from support.norms import relative_difference, shake_norms

import archbuilder
from archbuilder import NetworkSpec
from archbuilder.inference import optimized

CONV = "{name: conv, type: convolution, out: 6, kernel: 3%s}"
NORM = "{name: norm, type: batch_norm%s}"
CASES = {
    "norm after convolution": ([CONV % "", NORM % ""], 1, 0),
    "norm after convolution without bias": ([CONV % ", bias: false", NORM % ""], 1, 0),
    "norm without scale": ([CONV % "", NORM % ", scale: false"], 1, 0),
    "norm without shift": ([CONV % "", NORM % ", shift: false"], 1, 0),
    "norm after asymmetric padding": ([CONV % ", padding: [[0, 1], [2, 0]]", NORM % ""], 1, 0),
    "norm after padding by size": ([CONV % ", padding: same, stride: 2", NORM % ""], 1, 0),
    "norm after grouped": ([CONV % ", groups: 2", NORM % ""], 1, 0),
    "norm after depthwise": ([(CONV % ", groups: 4").replace("6", "8"), NORM % ""], 1, 0),
    "norm after transposed": (
        ["{name: up, type: transposed_convolution, out: 6, kernel: 3, stride: 2, groups: 2}", NORM % ""],
        1,
        0,
    ),
    "norm before convolution": ([NORM % "", CONV % ""], 1, 0),
    "norm before convolution without bias": ([NORM % "", CONV % ", bias: false"], 1, 0),
    "norm before grouped": ([NORM % "", CONV % ", groups: 2"], 1, 0),
    "norm before padding": ([NORM % "", CONV % ", padding: 1"], 0, 1),
    "norm before asymmetric padding": ([NORM % "", CONV % ", padding: [[0, 1], [0, 0]]"], 0, 1),
    "norm before padding by size": ([NORM % "", CONV % ", padding: same, stride: 2"], 0, 1),
    "norm before padding with copies": ([NORM % "", CONV % ", padding: 1, padding_mode: reflect"], 1, 0),
    "norm without shift before padding": ([NORM % ", shift: false", CONV % ", padding: 1"], 0, 1),  # it has a mean
    "norm before transposed": ([NORM % "", "{name: up, type: transposed_convolution, out: 6, kernel: 3}"], 0, 1),
    "factors before transposed": (
        ["{name: factor, type: scale}", "{name: up, type: transposed_convolution, out: 6, kernel: 3, groups: 2}"],
        1,
        0,
    ),
    "norm between": ([CONV % "", NORM % "", "{name: last, type: convolution, out: 3, kernel: 1}"], 1, 0),
    "norm before activation": ([NORM % "", "{name: act, type: activation, function: relu}", CONV % ""], 0, 1),
    "two norms": ([CONV % "", NORM % "", "{name: more, type: batch_norm}"], 2, 0),
    "factors after convolution": ([CONV % "", "{name: factor, type: scale}"], 1, 0),
    "factors before padding": (["{name: factor, type: scale}", CONV % ", padding: 1"], 1, 0),
    "constants before convolution": (
        ["{name: c, type: rescale, scale: [1, 2, 3, 4], shift: [1, 0, 1, 2]}", CONV % ""],
        1,
        0,
    ),
    "constants before padding": (["{name: c, type: rescale, scale: 2.0, shift: 1.0}", CONV % ", padding: 1"], 0, 1),
    "scale alone before padding": (["{name: c, type: rescale, scale: 2.0}", CONV % ", padding: 1"], 1, 0),
    "norm of a used output": (
        [
            CONV % "",
            "{name: mixed, add: {a: [{name: norm, type: batch_norm}], b: []}}",
        ],
        0,
        1,
    ),
}


def spec_of(layers: list[str], ending: str = "") -> NetworkSpec:
    lines = "".join(f"  - {layer}\n" for layer in layers)
    return NetworkSpec.from_text(
        f"name: case\ninput: {{channels: 4, height: 9, width: 8}}\n{ending or 'output: map'}\nlayers:\n{lines}"
    )


@pytest.mark.parametrize("case", CASES)
def test_affines_of_maps(case: str) -> None:
    layers, folded, left = CASES[case]
    plain = spec_of(layers).build().eval()
    shake_norms(plain)
    fast = optimized(plain)
    assert (fast.changes.folded, fast.changes.left) == (folded, left)
    images = torch.randn(3, 4, 9, 8)
    assert relative_difference(fast(images), plain(images)) < 1e-5
    plain.double()
    assert relative_difference(optimized(plain)(images.double()), plain(images.double())) < 1e-13


LINEAR = "{name: fc, type: linear, out: 5}"


@pytest.mark.parametrize(
    ("layers", "folded"),
    [
        (["{name: pool, type: spatial_mean}", LINEAR, "{name: c, type: rescale, scale: 3.0, shift: 0.5}"], 1),
        (["{name: pool, type: spatial_mean}", "{name: factor, type: scale}", LINEAR], 1),
        (
            [
                NORM % "",
                "{name: here, type: linear, out: 7, per_position: true}",
                "{name: pool, type: spatial_mean}",
                LINEAR,
            ],
            1,
        ),
        (
            [
                "{name: here, type: linear, out: 7, per_position: true}",
                NORM % "",
                "{name: pool, type: spatial_mean}",
                LINEAR,
            ],
            1,
        ),
    ],
)
def test_affines_beside_linear_layers(layers: list[str], folded: int) -> None:
    plain = spec_of(layers, "classes: 5").build().double().eval()
    shake_norms(plain)
    fast = optimized(plain)
    assert (fast.changes.folded, fast.changes.left) == (folded, 0)
    images = torch.randn(3, 4, 9, 8, dtype=torch.float64)
    assert relative_difference(fast(images), plain(images)) < 1e-13


def test_convolutions_of_one_input_are_joined() -> None:
    plain = archbuilder.load("inception_digits").build(aux=False).double().eval()
    shake_norms(plain)
    fast = optimized(plain)
    assert fast.changes.joined == 8  # of each of four blocks, three become one
    images = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    assert relative_difference(fast(images), plain(images)) < 1e-13


def test_convolutions_that_differ_in_more_than_weights_are_not_joined() -> None:
    branches = [
        "a: [{name: a, type: convolution, out: 2, kernel: 1}]",
        "b: [{name: b, type: convolution, out: 3, kernel: 1}, {name: act, type: activation, function: relu}]",
        "c: [{name: c, type: convolution, out: 2, kernel: 3, padding: 1}]",
        "d: [{name: d, type: convolution, out: 2, kernel: 1, groups: 2}]",
        "e: [{name: e, type: convolution, out: 4, kernel: 1, bias: false}]",
    ]
    plain = spec_of([f"{{name: mixed, concat: {{{', '.join(branches)}}}}}"]).build().eval()
    fast = optimized(plain)
    assert fast.changes.joined == 1  # e is a part of a
    images = torch.randn(3, 4, 9, 8)
    assert relative_difference(fast(images), plain(images)) < 1e-5
