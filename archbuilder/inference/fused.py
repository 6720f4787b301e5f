"""Convolutions of the CPU with their activation in one kernel, and with weights in the order that the kernel reads."""

import platform
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F  # noqa: N812 - everybody's name for it

from archbuilder.inference.straight import calls, module_of, replace
from archbuilder.modules.layers import PaddedConv2d

SMALL = 2**20
"""The MACs of a batch below which a convolution and its activation run one after the other.

The fused kernel takes 20 us to start, which is as long as this takes.
"""


class Kernel(NamedTuple):
    """An activation as oneDNN's convolutions have it.

    Attributes:
        name: Its name there.
        scalars: Its numbers.
        algorithm: Which of several forms.
    """

    name: str
    scalars: tuple[float, ...] = ()
    algorithm: str = ""


_NONE = Kernel("none")
_KERNELS: dict[type[nn.Module], Callable[[Any], Kernel]] = {
    nn.ReLU: lambda _: Kernel("relu"),
    nn.ReLU6: lambda _: Kernel("hardtanh", (0.0, 6.0)),
    nn.LeakyReLU: lambda module: Kernel("leaky_relu", (module.negative_slope,)),
    nn.Sigmoid: lambda _: Kernel("sigmoid"),
    nn.Tanh: lambda _: Kernel("tanh"),
    nn.SiLU: lambda _: Kernel("swish"),
    nn.Hardswish: lambda _: Kernel("hardswish"),
    nn.Hardsigmoid: lambda _: Kernel("hardsigmoid"),
    nn.GELU: lambda module: Kernel("gelu", (), module.approximate),
}


class FusedConv2d(nn.Module):
    """A convolution and its activation in one kernel of oneDNN, in float32 on a CPU; else one after the other.

    The weight is kept as torch has it too, for the state dict and for copies; the order that the kernel reads is made
    from it at the first call.
    """

    def __init__(self, convolution: nn.Conv2d, activation: nn.Module | None, kernel: Kernel) -> None:
        """Create the layer; `kernel` is the activation as oneDNN has it."""
        super().__init__()
        self.convolution = convolution
        self.activation = activation
        if isinstance(getattr(activation, "inplace", None), bool):
            setattr(activation, "inplace", True)  # noqa: B010 - which types have it, no type says
        self._sides = convolution.sides if isinstance(convolution, PaddedConv2d) else None
        self._window = convolution.padding, convolution.stride, convolution.dilation, convolution.groups
        self._kernel = kernel.name, list(kernel.scalars), kernel.algorithm
        self._packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """N x in x H x W -> N x out x H' x W'."""
        down, right = self.convolution.stride
        positions = x.numel() // max(1, x.shape[1] * down * right)
        small = positions * self.convolution.weight.numel() < SMALL  # about: padding adds some
        if small or x.device.type != "cpu" or x.dtype != torch.float32:
            x = self.convolution(x)
            return x if self.activation is None else self.activation(x)
        if self._sides:
            x = F.pad(x, self._sides)
        weight, bias = self.convolution.weight, self.convolution.bias
        if self._packed is None:
            self._packed = torch.ops.mkldnn._reorder_convolution_weight(weight.detach(), *self._window, x.shape)
        fused: Tensor = torch.ops.mkldnn._convolution_pointwise(x, self._packed, bias, *self._window, *self._kernel)
        return fused

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._packed = None
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def _load_from_state_dict(self, *args: Any) -> None:
        self._packed = None
        super()._load_from_state_dict(*args)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_packed": None}  # which can be neither copied nor pickled


def can_fuse(line: fx.GraphModule) -> bool:
    """Say whether a network computes where oneDNN has these kernels: in float32 on a CPU of x86."""
    weights = list(line.parameters())
    here = all(weight.device.type == "cpu" and weight.dtype == torch.float32 for weight in weights)
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    usable = available and platform.machine().lower() in {"x86_64", "amd64"}
    return usable and bool(weights) and here


def fuse(line: fx.GraphModule) -> int:
    """Replace convolutions by fused ones; return how many.

    Convolutions that fill their padding from the map, or whose padding depends on its size, stay as they are.
    """
    fused = 0
    for node in list(line.graph.nodes):
        module = module_of(line, node)
        if type(module) not in {nn.Conv2d, PaddedConv2d} or calls(line, node) > 1:
            continue
        assert isinstance(module, nn.Conv2d)
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            continue
        following = next(iter(node.users)) if len(node.users) == 1 else None
        activation = module_of(line, following)
        kernel_of = None if activation is None else _KERNELS.get(type(activation))
        if kernel_of is None or following is None:
            line.set_submodule(str(node.target), FusedConv2d(module, None, _NONE))
        else:
            line.set_submodule(str(node.target), FusedConv2d(module, activation, kernel_of(activation)))
            replace(following, node)
        fused += 1
    return fused


def act_in_place(line: fx.GraphModule) -> None:
    """Let activations overwrite their input where a layer made that for them alone."""
    makers = nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d
    for node in line.graph.nodes:
        module = module_of(line, node)
        if isinstance(getattr(module, "inplace", None), bool):
            alone = len(node.args[0].users) == 1 and calls(line, node) == 1
            inplace: Any = alone and isinstance(module_of(line, node.args[0]), makers)
            setattr(module, "inplace", inplace)  # noqa: B010 - which types have it, no type says
