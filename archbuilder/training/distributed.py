"""Layers that depend on the whole batch, for batches that are split over processes."""

import inspect
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from archbuilder.modules.layers import StochasticDepth


@dataclass
class Shard:
    """This process's shard of the current batch.

    Attributes:
        start: The position of its first image in the batch.
        images: The number of images of the whole batch.
        before: The number of images before the first that the process reads as well, to mix its own with; before the
            batch's first comes its last.
    """

    start: int = 0
    images: int = 0
    before: int = 0

    def of(self, whole: Tensor, count: int) -> Tensor:
        """Return what belongs to the `count` images that the process reads, of a tensor of the whole batch."""
        first = self.start - self.before
        return whole[first : first + count] if first >= 0 else torch.cat([whole[first:], whole[: first + count]])

    def random_integers(self, low: int, high: int, images: Tensor) -> Tensor:
        """Draw an integer from `low` to `high` for each of the images that the process reads."""
        drawn = torch.randint(low, high + 1, (self.images,))  # on the CPU, so that every device draws the same
        return self.of(drawn, len(images)).to(images.device, non_blocking=True)


def synchronize_layers(network: nn.Module, shard: Shard, device: torch.device) -> nn.Module:
    """Replace batch norm, dropout and stochastic depth, in place, by layers with the result of a single process.

    The names of parameters and buffers stay. On a GPU batch norm is torch's SyncBatchNorm, which runs nowhere else,
    unless some of its parameters would get no gradient.

    Args:
        network: The network; its parameters become those of the new layers.
        shard: The shard of this process, which is updated in every step.
        device: The device of the network.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                parent.add_module(name, _synchronized(child, device))
            elif isinstance(child, nn.Dropout | StochasticDepth):
                parent.add_module(name, _SharedDropout(child, shard).train(child.training))
    return network


def _synchronized(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    """Return a batch norm over the images of all processes, with the parameters of `norm`."""
    # torch's own gives a shift no gradient where there is no scale.
    if device.type == "cuda" and (norm.weight is not None or norm.bias is None):
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(norm))  # type: ignore[no-untyped-call]
    norm.__class__ = _SyncedBatchNorm  # its parameters, and those that it has not, stay as they are
    return norm


def distributed_data_parallel(network: nn.Module) -> nn.Module:
    """Wrap a network so that its gradients are the mean over the processes.

    Buffers are not broadcast: they are equal in all processes, which use the statistics of the whole batch.
    """
    known = inspect.signature(DistributedDataParallel).parameters
    unsent = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"  # of older torch
    options: dict[str, Any] = {unsent: False}
    return DistributedDataParallel(network, **options)


class _SyncedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the images of all processes.

    Batch Normalization (Ioffe and Szegedy 2015), algorithm 1; running statistics as torch keeps them, the variance
    unbiased. The variance is taken about the mean of all processes, not as a difference of squares, which would lose
    digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W -> the same."""
        if not self.training:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        given, x = x.dtype, x.to(self.running_mean.dtype)  # statistics in full precision, as torch has them
        count = torch.tensor(float(x[:, 0].numel()), device=x.device)
        distributed.all_reduce(count)
        mean = _sum_over_processes(x.sum(dim=(0, 2, 3))) / count
        centered = x - mean.view(1, -1, 1, 1)
        variance = _sum_over_processes(centered.square().sum(dim=(0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        y = centered * scale.view(1, -1, 1, 1)
        return (y if self.bias is None else y + self.bias.view(1, -1, 1, 1)).to(given)


def _sum_over_processes(tensor: Tensor) -> Tensor:
    """Sum a tensor over processes; gradients are summed likewise."""
    return cast(Tensor, _SumOverProcesses.apply(tensor))  # type: ignore[no-untyped-call]


class _SumOverProcesses(torch.autograd.Function):
    """The sum over processes, whose gradient is the sum of the gradients."""

    @staticmethod
    def forward(context: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


class _SharedDropout(nn.Module):
    """Dropout or stochastic depth with the mask that a single process would use.

    Every process draws the mask of the whole batch, from the same random state, and uses its own part.
    """

    def __init__(self, layer: nn.Dropout | StochasticDepth, shard: Shard) -> None:
        super().__init__()
        self.layer = layer
        self._shard = shard

    def forward(self, x: Tensor) -> Tensor:
        """N x ... -> the same."""
        if not self.training:
            return x
        # Numbers are drawn in the order of memory, so that the layout decides which of them a place gets.
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        layout = torch.channels_last if last else torch.contiguous_format
        shape = (self._shard.images, *x.shape[1:])
        whole = torch.empty(shape, device=x.device, dtype=x.dtype, memory_format=layout).fill_(1)
        mask: Tensor = self.layer(whole)
        return x * mask[self._shard.start : self._shard.start + len(x)]
