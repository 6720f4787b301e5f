"""A trained network whose cut channels are set to 0, which is what pruning means."""

import torch
from torch import Tensor, nn

from archbuilder.modules import Network
from archbuilder.plan.origins import origins
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Merge
from archbuilder.pruning.importance import Importances
from archbuilder.pruning.kept import kept_ranks


def masked_output(network: Network, plan: Plan, narrow: Plan, importances: Importances, images: Tensor) -> Tensor:
    """Run a network with every channel set to 0, where it is read, that a narrower one does not have."""
    have = {
        channel for layer in origins(narrow).values() for channel in (*layer.input_channels, *layer.output_channels)
    }
    hooks = []
    for name, layer in origins(plan, kept_ranks(plan, narrow, importances)).items():
        assert not isinstance(layer.op.op, Merge)
        if any("in" in weight.axes for weight in layer.op.op.weights(layer.op.input_shapes[0])):
            keep = torch.tensor([channel in have for channel in layer.input_channels])
            hooks.append(network.get_submodule(name).register_forward_pre_hook(_masking(keep)))
    with torch.no_grad():
        output: Tensor = network(images)
    for hook in hooks:
        hook.remove()
    return output


def _masking(keep: Tensor):  # type: ignore[no-untyped-def]
    def mask(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        return (inputs[0] * keep.view(1, -1, *[1] * (inputs[0].ndim - 2)),)

    return mask


def mixes_statistics(plan: Plan) -> bool:
    """Return whether a norm takes statistics over channels, which change with their number."""
    kinds = {"layer_norm", "group_norm", "l2_norm", "local_response_norm", "global_response_norm"}
    return any(op.op.type in kinds for layer in plan.all_layers() for op in layer.ops)


def learned(network: Network) -> Network:
    """Give norms the scales and statistics that a training could have left, in evaluation mode."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            with torch.no_grad():
                for tensor in (module.weight, module.bias, module.running_mean):
                    if tensor is not None:
                        tensor.normal_(0.5, 0.3)
                if module.running_var is not None:
                    module.running_var.uniform_(0.5, 1.5)
    return network.eval()
