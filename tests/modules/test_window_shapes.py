"""What a window gives is what torch gives, or both refuse: every window, stride, padding, dilation, mode and map.

The two directions know nothing of each other, so that one of them is swept; a few windows differ in both.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

import archbuilder
from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore
from archbuilder.primitives import AvgPool, Convolution, MaxPool, Primitive, Shape, ShapeError

MAPS = [torch.empty(1, 1, extent, 3, device="meta") for extent in range(1, 13)]  # N x C x H x W


def planned(op: Primitive, input_shape: Shape) -> Shape | None:
    try:
        return op.output_shape(input_shape)
    except ShapeError:
        return None


def of_torch(run: Callable[[], Tensor]) -> Shape | None:
    try:
        return tuple(run().shape[1:])
    except RuntimeError:
        return None


def windows(strides: int) -> list[tuple[int, int, int]]:
    """Give window, stride and padding: each padding that torch takes, and one more than that."""
    return [
        (kernel, stride, padding)
        for kernel, stride in product(range(1, 14), [*range(1, strides + 1), 12, 13])
        for padding in range(min(kernel // 2 + 2, 5))
    ]


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_pool_gives_what_torch_gives(ceil_mode: bool) -> None:
    for kernel, stride, padding in windows(4):
        keys: dict[str, Any] = {
            "kernel": (kernel, 1),
            "stride": (stride, 1),
            "padding": (padding, 0),
            "ceil_mode": ceil_mode,
        }
        args = ((kernel, 1), (stride, 1), (padding, 0))
        for dilation in (1, 2, 3):
            op = MaxPool(**keys, dilation=(dilation, 1))
            for x in MAPS:
                wanted = of_torch(lambda: F.max_pool2d(x, *args, (dilation, 1), ceil_mode))  # noqa: B023
                assert planned(op, x.shape[1:]) == wanted, (keys, dilation, x.shape)
        average = AvgPool(**keys)
        for x in MAPS:
            wanted = of_torch(lambda: F.avg_pool2d(x, *args, ceil_mode))  # noqa: B023
            assert planned(average, x.shape[1:]) == wanted, (keys, x.shape)


def test_a_convolution_gives_what_torch_gives() -> None:
    maps = [torch.zeros(1, 1, extent, 1) for extent in range(1, 13)]  # quicker for a convolution than the meta device
    above_and_below = [(0, 0), (1, 1), (2, 0), (0, 3), (6, 5)]
    for kernel, stride, sides, apart in product(range(1, 13), (1, 2, 3, 13), above_and_below, (1, 2, 3)):
        keys: dict[str, Any] = {
            "kernel": (kernel, 1),
            "stride": (stride, 1),
            "padding": (sides, (0, 0)),
            "dilation": (apart, 1),
        }
        op, weight = Convolution(out=1, **keys), torch.zeros(1, 1, kernel, 1)
        for x in maps[kernel % 2 :: 2]:
            padded = F.pad(x, (0, 0, *sides))
            wanted = of_torch(lambda: F.conv2d(padded, weight, None, (stride, 1), 0, (apart, 1)))  # noqa: B023
            assert planned(op, x.shape[1:]) == wanted, (keys, x.shape)


def test_directions_do_not_mix() -> None:
    x = torch.empty(2, 5, 7, 3, device="meta")
    for kernel, stride, ceil_mode in product([(1, 3), (4, 1), (8, 4), (9, 5)], [(1, 2), (3, 1), (5, 4)], [True, False]):
        wanted = of_torch(lambda: F.max_pool2d(x, kernel, stride, 0, 1, ceil_mode))  # noqa: B023
        assert planned(MaxPool(kernel=kernel, stride=stride, ceil_mode=ceil_mode), (5, 7, 3)) == wanted


POOL = "input: {{channels: 2, height: {size}, width: {size}}}\nclasses: 3\nlayers: [{{name: pool, {pool}}}, {rest}]\n"
REST = "{name: flatten, type: flatten}, {name: fc, type: linear, out: 3}"


@pytest.mark.parametrize(
    ("size", "pool"),
    [
        (2, "type: max_pool, kernel: 3, stride: 2, ceil_mode: true"),
        (7, "type: avg_pool, kernel: 1280, ceil_mode: true"),
        (7, "type: avg_pool, kernel: 1280, ceil_mode: true, count_include_pad: false"),
        (4, "type: avg_pool, kernel: 3, stride: 2, padding: 1, ceil_mode: true"),
    ],
)
def test_a_window_larger_than_the_map_is_built_counted_and_right(size: int, pool: str) -> None:
    spec = archbuilder.NetworkSpec.from_text(POOL.format(size=size, pool=pool, rest=REST))
    images = torch.rand(1, 2, size, size)
    network: Any = spec.build()
    pooled = network.pool(images)
    assert spec.plan().ops[0].output_shape == pooled.shape[1:]
    if size != 4:
        whole = images.amax((2, 3)) if "max" in pool else images.mean((2, 3))
        torch.testing.assert_close(pooled.flatten(1), whole)  # 1 x 1: of all that there is, whatever the window
    assert compare(spec.plan(), count_with_fvcore(network, (2, size, size))) == []


def test_torchvisions_googlenet_runs_from_15_pixels_up() -> None:
    for size in range(15, 25):
        text = f"extends: googlenet_torchvision\ninput: {{height: {size}, width: {size}}}\n"
        spec = archbuilder.NetworkSpec.from_text(text)
        assert spec.plan().ops[-1].output_shape == (1000,)
        if size in (15, 24):
            network = spec.build(initialized=False)
            images = torch.zeros(2, 3, size, size)
            assert network.eval()(images).shape == (2, 1000)
            assert [output.shape for output in network.train()(images)] == [(2, 1000)] * 3
    with pytest.raises(archbuilder.SpecError, match="in ceil mode it may be larger by less than its stride"):
        archbuilder.NetworkSpec.from_text("extends: googlenet_torchvision\ninput: {height: 14, width: 14}\n")
