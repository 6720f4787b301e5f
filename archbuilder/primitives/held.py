"""The tensors that eager PyTorch allocates and saves for an operation; each primitive declares them.

They were measured with torch 2.13 on the CPU; `archbuilder.crosscheck` compares them with the torch that is installed.
The workspace of kernels is not included.
"""

from typing import NamedTuple

INDEX_BYTES = 8
"""The size of the indices of max pooling: int64 for any dtype."""


class Allocation(NamedTuple):
    """A tensor that an operation allocates in evaluation.

    Attributes:
        values: How many values it has for one sample; or for the whole batch.
        outlived_by: How many further allocations of the operation happen while it is live; it is freed before the next
            one, or when the operation returns. It has no meaning for the last one, the output.
        bytes_per_value: The size of a value; None for that of the network's values.
        is_per_batch: Whether it is as large whatever the size of the batch.
    """

    values: int
    outlived_by: int = 0
    bytes_per_value: int | None = None
    is_per_batch: bool = False


class Kept(NamedTuple):
    """What autograd saves for the backward pass of an operation; parameters are not counted.

    Attributes:
        input: Whether it keeps its input.
        output: Whether it keeps its output.
        values: How many further values it keeps for each sample.
        input_for_gradient: Whether it keeps its input if that requires a gradient; images do not.
        values_for_gradient: How many further values it keeps for each sample if its input requires a gradient.
        per_batch: How many further values it keeps, whatever the size of the batch.
        indices: How many indices it keeps for each sample.
    """

    input: bool = False
    output: bool = False
    values: int = 0
    input_for_gradient: bool = False
    values_for_gradient: int = 0
    per_batch: int = 0
    indices: int = 0
