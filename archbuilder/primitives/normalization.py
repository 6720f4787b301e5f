"""Normalizations."""

from math import prod
from typing import ClassVar

from pydantic import Field

from archbuilder.primitives.facts import Call, Counters, Shape, Weight, per_channel
from archbuilder.primitives.fields import Width
from archbuilder.primitives.held import Allocation, Kept
from archbuilder.primitives.primitive import Elementwise, Uncounted, Weightless, expect_groups, expect_map

_NORM_NOTE = "torch counts products alone; fvcore estimates MACs per element"


class BatchNorm(Elementwise):
    """Batch normalization (Ioffe and Szegedy, 2015, arXiv:1502.03167), as torch.nn.BatchNorm2d."""

    type: ClassVar[str] = "batch_norm"
    widths: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[Counters] = Counters("batch_norm", product=False, note=_NORM_NOTE)

    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    momentum: float = Field(0.1, ge=0, le=1, description="Weight of each batch in the running statistics.")
    scale: bool = Field(True, description="Whether each channel has a learned scale.")
    shift: bool = Field(True, description="Whether each channel has a learned shift.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return expect_map(input_shape, "batch normalization")

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return a scale and a shift per channel, and the running statistics, which are not trained."""
        channels = input_shape[0]
        scale = (per_channel("weight", channels),) if self.scale else ()
        shift = (per_channel("bias", channels),) if self.shift else ()
        statistics = (per_channel(name, channels, trained=False) for name in ("running_mean", "running_var"))
        return (*scale, *shift, *statistics, Weight("num_batches_tracked", (), (), trained=False, read=False))

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count two per element in evaluation, one without a scale, as fvcore does."""
        return (1 + self.scale) * prod(input_shape)

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.BatchNorm2d, or its subclass without a scale or a shift."""
        keys = {"eps": self.eps, "momentum": self.momentum}
        if self.scale and self.shift:
            return Call("torch.nn.BatchNorm2d", (input_shape[0],), keys)
        keys |= {"scale": self.scale, "shift": self.shift}
        return Call("archbuilder.modules.layers.PartialBatchNorm2d", (input_shape[0],), keys)

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the mean and standard deviation of each channel."""
        return Kept(input=True, per_batch=2 * input_shape[0])


class GroupNorm(Elementwise):
    """Group normalization (Wu and He, 2018, arXiv:1803.08494), as torch.nn.GroupNorm."""

    type: ClassVar[str] = "group_norm"
    widths: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[Counters] = Counters("group_norm", product=False, note=_NORM_NOTE)

    groups: Width = Field(description="Groups that the channels are split into; must divide their number.")
    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    affine: bool = Field(True, description="Whether each channel has a learned scale and shift.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        channels, *_ = expect_map(input_shape, "group normalization")
        expect_groups(self.groups, channels)
        return input_shape

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return a scale and a shift per channel."""
        return tuple(per_channel(name, input_shape[0]) for name in ("weight", "bias")) if self.affine else ()

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count five per element, four without scale and shift, as fvcore's rough estimate does."""
        return (4 + self.affine) * prod(input_shape)

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.GroupNorm."""
        return Call("torch.nn.GroupNorm", (self.groups, input_shape[0]), {"eps": self.eps, "affine": self.affine})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the mean and standard deviation of each group too, which are freed at once."""
        return (
            Allocation(self.groups, outlived_by=2),
            Allocation(self.groups, outlived_by=1),
            Allocation(prod(output_shape)),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the mean and standard deviation of each group."""
        return Kept(input=True, values=2 * self.groups)


class LayerNorm(Elementwise):
    """Layer normalization (Ba et al., 2016, arXiv:1607.06450) over the channels of each position, as in ConvNeXt."""

    type: ClassVar[str] = "layer_norm"
    widths: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[Counters] = Counters("layer_norm", product=False, note=_NORM_NOTE)

    eps: float = Field(1e-5, gt=0, lt=1, description="Added to the variance before the root.")
    affine: bool = Field(True, description="Whether each channel has a learned scale and shift.")

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return a scale and a shift per channel."""
        return tuple(per_channel(name, input_shape[0]) for name in ("weight", "bias")) if self.affine else ()

    def macs(self, input_shape: Shape, output_shape: Shape) -> int:
        """Count five per element, four without scale and shift, as fvcore's rough estimate does."""
        return (4 + self.affine) * prod(input_shape)

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.LayerNorm for a vector, and its subclass for a map."""
        target = "torch.nn.LayerNorm" if len(input_shape) == 1 else "archbuilder.modules.layers.ChannelLayerNorm"
        return Call(target, (input_shape[0],), {"eps": self.eps, "elementwise_affine": self.affine})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the output, and the mean and standard deviation of each position, which are freed at once."""
        positions = prod(input_shape[1:])
        return (
            Allocation(positions, outlived_by=2),
            Allocation(positions, outlived_by=1),
            Allocation(prod(output_shape)),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, and the mean and standard deviation of each position."""
        return Kept(input=True, values=2 * prod(input_shape[1:]))


class GlobalResponseNorm(Elementwise, Uncounted):
    """Normalization by each channel's share of the map's energy, as ConvNeXt V2 (Woo et al., 2023, arXiv:2301.00808).

    x + bias + weight * x * g / mean(g), with g the root of each channel's sum of squares (equations 1 to 3).
    """

    type: ClassVar[str] = "global_response_norm"
    widths: ClassVar[tuple[str, ...]] = ()
    counters: ClassVar[Counters] = Counters(
        None, product=False, note="no counter has a rule for the norm and the products that it is made of"
    )

    eps: float = Field(1e-6, gt=0, lt=1, description="Added to the mean over the channels.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return expect_map(input_shape, "global response normalization")

    def weights(self, input_shape: Shape) -> tuple[Weight, ...]:
        """Return a scale and a shift per channel."""
        return tuple(per_channel(name, input_shape[0]) for name in ("weight", "bias"))

    def call(self, input_shape: Shape) -> Call:
        """Return archbuilder.modules.layers.GlobalResponseNorm."""
        return Call("archbuilder.modules.layers.GlobalResponseNorm", (input_shape[0],), {"eps": self.eps})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the norms, their means, and the products and sums of the map too."""
        channels, map_ = input_shape[0], prod(output_shape)
        return (
            Allocation(channels, outlived_by=6),  # norms
            Allocation(1, outlived_by=1),  # their mean
            Allocation(1, outlived_by=1),  # plus eps
            Allocation(channels, outlived_by=3),  # shares
            Allocation(channels, outlived_by=1),  # times the weights
            Allocation(map_, outlived_by=1),  # times the map, plus the biases
            Allocation(map_),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input and the shares; for its gradient the norms, their mean, and what the map is multiplied by."""
        channels = input_shape[0]
        return Kept(input=True, values=channels, values_for_gradient=2 * channels + 1)


class L2Norm(Elementwise, Weightless, Uncounted):
    """Divides each position's channels, or a vector, by their Euclidean norm, as torch.nn.functional.normalize."""

    type: ClassVar[str] = "l2_norm"
    counters: ClassVar[Counters] = Counters(None, product=False, note="no counter has a rule for a norm or a quotient")

    eps: float = Field(1e-12, gt=0, lt=1, description="Smallest norm that is divided by.")

    def call(self, input_shape: Shape) -> Call:
        """Return archbuilder.modules.layers.L2Norm."""
        return Call("archbuilder.modules.layers.L2Norm", (), {"eps": self.eps})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the norms, as they are and at least eps, too."""
        positions = prod(input_shape[1:])
        return (
            Allocation(positions, outlived_by=1),
            Allocation(positions, outlived_by=1),
            Allocation(prod(output_shape)),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input and the norms, as they are and at least eps."""
        return Kept(input=True, values=2 * prod(input_shape[1:]))


class LocalResponseNorm(Elementwise, Weightless, Uncounted):
    """Normalization by neighboring channels (Krizhevsky et al., 2012, section 3.3), as torch.nn.LocalResponseNorm."""

    type: ClassVar[str] = "local_response_norm"
    counters: ClassVar[Counters] = Counters(
        None, product=False, note="no counter has a rule for the squares, means and quotients that it is made of"
    )

    size: Width = Field(5, description="Neighboring channels in the sum.")
    alpha: float = Field(1e-4, ge=0, description="Multiplies the sum of squares, which is divided by `size`.")
    beta: float = Field(0.75, description="The exponent.")
    k: float = Field(1.0, gt=0, description="Added to the sum.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input shape."""
        return expect_map(input_shape, "local response normalization")

    def call(self, input_shape: Shape) -> Call:
        """Return torch.nn.LocalResponseNorm."""
        return Call("torch.nn.LocalResponseNorm", (self.size,), {"alpha": self.alpha, "beta": self.beta, "k": self.k})

    def allocations(self, input_shape: Shape, output_shape: Shape) -> tuple[Allocation, ...]:
        """Return the intermediate tensors of torch.nn.functional.local_response_norm too."""
        map_ = prod(output_shape)
        return (
            Allocation(map_, outlived_by=1),  # squares
            Allocation(self._padded(input_shape), outlived_by=1),
            Allocation(map_, outlived_by=3),  # means of neighbors
            Allocation(map_, outlived_by=1),  # times alpha
            Allocation(map_, outlived_by=1),  # plus k
            Allocation(map_, outlived_by=1),  # to the power of beta
            Allocation(map_),
        )

    def kept(self, input_shape: Shape, output_shape: Shape) -> Kept:
        """Keep the input, the padded squares, and the base and result of the power."""
        return Kept(input=True, values=self._padded(input_shape) + 2 * prod(input_shape))

    def _padded(self, input_shape: Shape) -> int:
        """Count the values including the zero channels before the first and after the last."""
        return (input_shape[0] + self.size - 1) * input_shape[1] * input_shape[2]
