"""Each operation of a built network gives the shape that is planned."""

import re

import pytest
import torch
from support.language_specs import language_spec
from torch import Tensor, nn

from archbuilder import ArchbuilderError, NetworkSpec, load
from archbuilder.crosscheck.shapes import check_shapes


class Cropped(nn.Module):
    """Leaves out the last row."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :-1]


@pytest.mark.parametrize("seed", range(20))
def test_built_networks_give_what_is_planned(seed: int) -> None:
    plan = NetworkSpec.from_dict(language_spec(seed)).plan()
    network = NetworkSpec.from_dict(language_spec(seed)).build()
    assert check_shapes(plan, network) == (1, *plan.output_shape)
    assert network.training


def test_a_shape_that_a_pool_hides_is_found() -> None:
    spec = load("inception_digits")
    network = spec.build()
    name = next(op.name for op in spec.plan().ops if op.op.type == "activation")
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, Cropped())
    with torch.inference_mode():
        assert network.eval()(torch.zeros(1, 1, 8, 8)).shape == (1, 10)  # nothing is to be seen at the end
    found = re.escape(f"the forward pass of {name} gave (1, 16, 7, 8), but the plan expects (1, 16, 8, 8)")
    with pytest.raises(ArchbuilderError, match=found):
        check_shapes(spec.plan(), network)
    assert all(not module._forward_hooks for module in network.modules())
