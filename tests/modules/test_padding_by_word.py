"""`padding: same` follows the map that it is fed; `padding: half` is kernel // 2 on every side."""

import re
from itertools import product
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

from archbuilder import NetworkSpec
from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore
from archbuilder.modules.calls import make
from archbuilder.primitives import AvgPool, Convolution, MaxPool
from archbuilder.spec.blocks import shipped_blocks
from archbuilder.spec.sources import shipped_folder

SAME = """
input: {{channels: 3, height: {size}, width: {size}}}
classes: 4
layers:
  - {{name: conv, type: convolution, out: 8, kernel: 7, stride: 2, padding: same}}
  - {{name: low, type: convolution, out: 4, kernel: [4, 1], stride: [3, 1], padding: same}}
  - {{name: gap, type: global_avg_pool}}
  - {{name: flatten, type: flatten}}
  - {{name: fc, type: linear, out: 4}}
"""


def same_network(size: int) -> Any:
    torch.manual_seed(0)
    return NetworkSpec.from_text(SAME.format(size=size)).build().eval()


def test_whatever_size_it_was_built_for_the_padding_is_that_of_what_it_is_fed() -> None:
    for kernel, stride, dilation, built_for in product(range(1, 6), (1, 2, 3, 6), (1, 2), (8, 9)):
        keys: dict[str, Any] = {"kernel": [kernel, 2], "stride": [stride, 2], "dilation": [dilation, 1]}
        op = Convolution(out=2, padding="same", **keys)
        module: Any = make(op.call((1, built_for, 8)))
        for extent in range(1, 14):
            x = torch.rand(1, 1, extent, 8)
            (top, bottom), (left, right) = op.sides((1, extent, 8))
            padded = F.pad(x, (left, right, top, bottom))
            bare = F.conv2d(padded, module.weight, module.bias, (stride, 2), 0, (dilation, 1))
            output = module(x)
            assert output.shape[2:] == (-(-extent // stride), 4) == op.output_shape((1, extent, 8))[1:]
            torch.testing.assert_close(output, bare)


def test_a_network_for_224_pixels_gives_what_one_for_225_gives() -> None:
    images = torch.rand(1, 3, 225, 225)
    small, large = same_network(224), same_network(225)
    assert small.conv(images).shape == (1, 8, 113, 113)
    torch.testing.assert_close(small(images), large(images))
    assert list(small.state_dict()) == list(large.state_dict())


def test_it_is_exported_for_any_size() -> None:
    network = same_network(32)
    sizes = {2: torch.export.Dim("height", min=16, max=64), 3: torch.export.Dim("width", min=16, max=64)}
    program: Any = torch.export.export(network, (torch.rand(1, 3, 32, 30),), dynamic_shapes=(sizes,)).module()
    for height, width in ((32, 30), (33, 31), (17, 64)):
        images = torch.rand(1, 3, height, width)
        torch.testing.assert_close(program(images), network(images))


@pytest.mark.parametrize("size", [32, 33])
def test_it_is_traced_and_counted_at_one_size(size: int) -> None:
    network, plan = same_network(size), NetworkSpec.from_text(SAME.format(size=size)).plan()
    assert compare(plan, count_with_fvcore(network, (3, size, size))) == []


def test_half_is_kernel_by_two_on_every_side() -> None:
    for high, wide, apart in product(range(1, 8), (1, 3, 4), (1, 2)):
        op = Convolution(out=1, kernel=(high, wide), padding="half", dilation=(apart, 1))
        assert op.sides((1, 9, 9)) == ((apart * (high // 2),) * 2, (wide // 2,) * 2)
        module: Any = make(op.call((1, 9, 9)))
        assert module.padding == (apart * (high // 2), wide // 2)
        for kind in (MaxPool, AvgPool):
            pool = kind(kernel=(high, wide), stride=(1, 1), padding="half")
            number = kind(kernel=(high, wide), stride=(1, 1), padding=(high // 2, wide // 2))
            module = make(pool.call((1, 9, 9)))
            assert module.padding == (high // 2, wide // 2)
            assert pool.output_shape((1, 9, 9)) == number.output_shape((1, 9, 9))
    assert Convolution(out=1, kernel=(3, 1), padding="half").sides((1, 9, 9)) == ((1, 1), (0, 0))


def test_shipped_blocks_say_half_where_they_mean_it() -> None:
    folder = shipped_folder("specs").parent / "archbuilder" / "blocks"
    for name in shipped_blocks():
        text = (folder / f"{name}.yaml").read_text()
        assert not re.search(r"padding: [\[\d]", text), name


def test_a_depthwise_separable_block_pads_as_torch_models_do() -> None:
    text = SAME.format(size=32).replace(
        "convolution, out: 4, kernel: [4, 1], stride: [3, 1], padding: same", "SEPARABLE"
    )
    spec = NetworkSpec.from_text(text.replace("SEPARABLE", "depthwise_separable, out: 4, stride: 2"))
    assert next(op for op in spec.plan().ops if "low.depthwise" in op.name).output_shape == (8, 8, 8)
    network: Any = spec.build()
    assert network.low.depthwise.conv.padding == (1, 1)
