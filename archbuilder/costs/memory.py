"""The memory of eager PyTorch in bytes, in evaluation and in training."""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from archbuilder.costs.options import Optimizer
from archbuilder.costs.tensors import MemoryStep, Run, allocations
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
    """What training holds when the forward pass is done, in bytes, the heads included.

    Attributes:
        weights: Of the trainable parameters.
        gradients: Of one gradient for each.
        optimizer: Of the optimizer's state.
        activations: Of what autograd keeps for the backward pass, the images among it where a layer needs them.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimizer + self.activations


def inference_memory(plan: Plan, *, batch: int = 1, bytes_per_value: int = 4) -> InferenceMemory:
    """Follow the tensors that eager PyTorch holds while the built module runs in evaluation under `no_grad`.

    The images are held by the caller all along, and the input of a module until it returns. Neither the weights are
    counted nor the workspace that a kernel takes for itself, such as an unfolded map of a convolution, nor what an
    allocator rounds up.

    Args:
        plan: The plan.
        batch: How many images run at once.
        bytes_per_value: The size of a value: 4 for float32.
    """
    run = Run(batch, bytes_per_value)
    images = run.make(prod(plan.input_shape) * batch * bytes_per_value)
    start = run.live
    run.follow(plan.trees, images)
    steps = tuple(run.steps)
    peak = max((step.highest for step in steps), default=start)
    at = next((step.name for step in steps if step.made and step.highest == peak), "")
    return InferenceMemory(peak, at, steps)


def training_memory(
    plan: Plan, *, batch: int, bytes_per_value: int = 4, optimizer: Optimizer = Optimizer.SGD_MOMENTUM
) -> TrainingMemory:
    """Add up what training holds when the forward pass is done, before the loss.

    What is not counted: running statistics (two numbers a channel of each batch norm), tensors that die before the
    backward pass, gradients of activations, and the workspace of kernels. What dropout keeps is as on the CPU.

    Args:
        plan: The plan.
        batch: How many images run at once.
        bytes_per_value: The size of a value: 4 for float32.
        optimizer: Which one trains, as each keeps other numbers for each parameter.
    """
    weights = (plan.parameters + plan.head_parameters) * bytes_per_value
    kept = _Autograd(plan, batch, bytes_per_value).kept
    return TrainingMemory(weights, weights, optimizer.state * weights, sum(kept.values()))


class _Output(NamedTuple):
    """What an op gives: the storage it lies in, its size, and whether a gradient flows back through it."""

    storage: tuple[int, str]
    size: int
    has_gradient: bool


class _Autograd:
    """What autograd keeps, by storage, so that what is kept twice is counted once."""

    def __init__(self, plan: Plan, batch: int, bytes_per_value: int) -> None:
        self.kept: dict[tuple[int, str], int] = {}
        self._batch = batch
        self._bytes = bytes_per_value
        image = prod(plan.input_shape) * batch * bytes_per_value
        output = {NETWORK_INPUT: _Output((NETWORK_INPUT, ""), image, has_gradient=False)}
        for layer in plan.all_layers():
            for op in layer.ops:
                inputs = [output[index] for index in op.inputs]
                output[op.index] = self._merge(op, inputs) if isinstance(op.op, Merge) else self._run(op, *inputs)

    def _run(self, op: PlannedOp, inputs: _Output) -> _Output:
        assert not isinstance(op.op, Merge)
        kept = op.op.kept(op.input_shapes[0], op.output_shape)
        if kept is None:
            return inputs
        size = prod(op.output_shape) * self._batch * self._bytes
        output = _Output((op.index, ""), size, has_gradient=inputs.has_gradient or op.parameters > 0)
        if output.has_gradient:
            if kept.input:
                self._keep(inputs)
            if kept.output:
                self._keep(output)
            values = kept.values * self._batch + kept.per_batch
            own = values * self._bytes + kept.indices * self._batch * INDEX_BYTES
            self.kept[op.index, "own"] = own
        return output

    def _merge(self, op: PlannedOp, inputs: list[_Output]) -> _Output:
        assert isinstance(op.op, Merge)
        made = allocations(op)
        if not made:
            return inputs[0]
        size = prod(op.output_shape) * self._batch * self._bytes
        if not op.op.keeps_operands:
            return _Output((op.index, ""), size, any(each.has_gradient for each in inputs))
        joined = inputs[0]
        for number, (other, tensor) in enumerate(zip(inputs[1:], made, strict=True)):
            for one, its_factor in ((joined, other), (other, joined)):
                if its_factor.has_gradient:
                    self._keep(one)
            size = tensor.values * self._batch * self._bytes
            gradient = joined.has_gradient or other.has_gradient
            joined = _Output((op.index, str(number)), size, gradient)
        return joined

    def _keep(self, tensor: _Output) -> None:
        self.kept[tensor.storage] = tensor.size
