"""The memory of eager PyTorch in bytes, in evaluation and in training."""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from archbuilder.costs.tensors import ForwardSimulation, MemoryStep, allocations
from archbuilder.optimizers import OptimizerName
from archbuilder.plan.plan import NETWORK_INPUT, Plan, PlannedOp
from archbuilder.primitives import Merge
from archbuilder.primitives.held import INDEX_BYTES


@dataclass(frozen=True)
class InferenceMemory:
    """The memory of tensors in evaluation: the images and everything computed from them.

    Attributes:
        peak: The maximum number of bytes that are live at once, without weights.
        at: The name of the op at the peak; an empty string if no op allocates a tensor.
        steps: One for each op, in the order of `plan.ops`.
    """

    peak: int
    at: str
    steps: tuple[MemoryStep, ...]


@dataclass(frozen=True)
class TrainingMemory:
    """The memory of training at the end of the forward pass, in bytes, heads included.

    Attributes:
        weights: The trainable parameters.
        gradients: One gradient for each parameter.
        optimizer: The optimizer's state.
        activations: The tensors that autograd saves for the backward pass; the images too if a layer needs them.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.weights + self.gradients + self.optimizer + self.activations


def inference_memory(plan: Plan, *, batch: int = 1, bytes_per_value: int = 4) -> InferenceMemory:
    """Compute the peak memory of tensors while the built module runs eagerly in evaluation under `no_grad`.

    The caller holds the images throughout, and a module its input until it returns. Not counted are weights, the
    workspace of kernels, such as the unfolded map of a convolution, and rounding by the allocator.

    Args:
        plan: The plan.
        batch: How many images run at once.
        bytes_per_value: The size of a value: 4 for float32.
    """
    run = ForwardSimulation(batch, bytes_per_value)
    images = run.make(prod(plan.input_shape) * batch * bytes_per_value)
    start = run.live
    run.run_nodes(plan.trees, images)
    steps = tuple(run.steps)
    peak = max((step.peak_live for step in steps), default=start)
    at = next((step.name for step in steps if step.made and step.peak_live == peak), "")
    return InferenceMemory(peak, at, steps)


def training_memory(
    plan: Plan,
    *,
    batch: int,
    bytes_per_value: int = 4,
    optimizer: OptimizerName = OptimizerName.SGD,
    momentum: float = 0.9,
) -> TrainingMemory:
    """Compute the memory of training at the end of the forward pass, before the loss.

    Not counted are running statistics (two values for each channel of a batch norm), tensors that are freed before the
    backward pass, gradients of activations, and the workspace of kernels. Dropout is counted as on the CPU.

    Args:
        plan: The plan.
        batch: How many images run at once.
        bytes_per_value: The size of a value: 4 for float32.
        optimizer: The optimizer, which determines the state per parameter.
        momentum: Its momentum, if it takes one; SGD without one has no state.
    """
    weights = (plan.parameters + plan.head_parameters) * bytes_per_value
    saved = _SavedTensors(plan, batch, bytes_per_value).saved
    return TrainingMemory(weights, weights, optimizer.state(momentum) * weights, sum(saved.values()))


class _Output(NamedTuple):
    """The output of an op: its storage, its size in bytes, and whether it requires a gradient."""

    storage: tuple[int, str]
    size: int
    has_gradient: bool


class _SavedTensors:
    """The bytes that autograd saves, by storage, so that a tensor that is saved twice is counted once."""

    def __init__(self, plan: Plan, batch: int, bytes_per_value: int) -> None:
        self.saved: dict[tuple[int, str], int] = {}
        self._batch = batch
        self._bytes = bytes_per_value
        image = prod(plan.input_shape) * batch * bytes_per_value
        output = {NETWORK_INPUT: _Output((NETWORK_INPUT, ""), image, has_gradient=False)}
        for layer in plan.all_layers():
            for op in layer.ops:
                inputs = [output[index] for index in op.inputs]
                output[op.index] = (
                    self._save_for_merge(op, inputs)
                    if isinstance(op.op, Merge)
                    else self._save_for_primitive(op, *inputs)
                )

    def _save_for_primitive(self, op: PlannedOp, inputs: _Output) -> _Output:
        """Add what autograd saves for a primitive, and return its output."""
        assert not isinstance(op.op, Merge)
        saved = op.op.kept(op.input_shapes[0], op.output_shape)
        if saved is None:
            return inputs
        size = prod(op.output_shape) * self._batch * self._bytes
        output = _Output((op.index, ""), size, has_gradient=inputs.has_gradient or op.parameters > 0)
        if output.has_gradient:
            if saved.input or (saved.input_for_gradient and inputs.has_gradient):
                self._save(inputs)
            if saved.output:
                self._save(output)
            per_sample = saved.values + saved.values_for_gradient * inputs.has_gradient
            values = per_sample * self._batch + saved.per_batch
            other_bytes = values * self._bytes + saved.indices * self._batch * INDEX_BYTES
            self.saved[op.index, "own"] = other_bytes
        return output

    def _save_for_merge(self, op: PlannedOp, inputs: list[_Output]) -> _Output:
        """Add what autograd saves for a merge, and return its output."""
        assert isinstance(op.op, Merge)
        tensors = allocations(op)
        if not tensors:
            return inputs[0]
        size = prod(op.output_shape) * self._batch * self._bytes
        if not op.op.keeps_operands:
            return _Output((op.index, ""), size, any(each.has_gradient for each in inputs))
        joined = inputs[0]
        for number, (other, tensor) in enumerate(zip(inputs[1:], tensors, strict=True)):
            for one, its_factor in ((joined, other), (other, joined)):
                if its_factor.has_gradient:
                    self._save(one)
            size = tensor.values * self._batch * self._bytes
            gradient = joined.has_gradient or other.has_gradient
            joined = _Output((op.index, str(number)), size, gradient)
        return joined

    def _save(self, tensor: _Output) -> None:
        self.saved[tensor.storage] = tensor.size
