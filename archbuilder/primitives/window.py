"""The arithmetic of a window that slides over a map."""

from archbuilder.primitives.primitive import ShapeError

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]


def same_padding(extent: Pair, kernel: Pair, stride: Pair, dilation: Pair) -> Sides:
    """Return the zeros that keep ceil(n / stride) positions, the odd one at the bottom and the right.

    For a stride of 1 this is PyTorch's `padding="same"`; for others TensorFlow's SAME.
    """
    sides = []
    for n, k, s, d in zip(extent, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        sides.append((total // 2, total - total // 2))
    return sides[0], sides[1]


def half(kernel: Pair, dilation: Pair = (1, 1)) -> Pair:
    """Return half of a window, as torch models pad: kernel // 2, times the dilation."""
    return dilation[0] * (kernel[0] // 2), dilation[1] * (kernel[1] // 2)


def dilated(kernel: Pair, dilation: Pair) -> Pair:
    """Return how many positions a kernel reaches over: d (k - 1) + 1."""
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def both_sides(padding: Pair) -> Sides:
    """Return a padding that is the same on both sides."""
    return (padding[0], padding[0]), (padding[1], padding[1])


def slide(
    extent: Pair, kernel: Pair, stride: Pair, padding: Sides, *, dilation: Pair = (1, 1), ceil_mode: bool = False
) -> Pair:
    """Count the positions of a window in each direction.

    The formula is that of torch.nn.Conv2d and torch.nn.MaxPool2d: floor((n + 2p - d(k - 1) - 1) / s) + 1. In ceil
    mode the division rounds up, and a last window that would start in the right padding is left out; so a window fits
    that is larger than the padded input by less than its stride.

    Raises:
        ShapeError: The window is larger than the padded input.
    """
    reach = dilated(kernel, dilation)
    positions = (
        _positions(extent[0], padding[0], reach[0], stride[0], ceil_mode),
        _positions(extent[1], padding[1], reach[1], stride[1], ceil_mode),
    )
    if min(positions) < 1:
        padded = (extent[0] + sum(padding[0]), extent[1] + sum(padding[1]))
        window = f"{reach[0]} x {reach[1]}"
        if dilation != (1, 1):
            spacing = str(dilation[0]) if dilation[0] == dilation[1] else f"{dilation[0]} x {dilation[1]}"
            window += f" ({kernel[0]} x {kernel[1]} dilated by {spacing})"
        input_size = f"{extent[0]} x {extent[1]}"
        with_padding = f", {padded[0]} x {padded[1]} with its padding" if padded != extent else ""
        allowed = "; in ceil mode it may be larger by less than its stride" if ceil_mode else ""
        raise ShapeError(
            f"a window of {window} does not fit the input map of {input_size}{with_padding}{allowed}",
            key="kernel",
            spatial=True,
        )
    return positions


def _positions(extent: int, padding: Pair, reach: int, stride: int, ceil_mode: bool) -> int:
    """Count the positions of a window in one direction; 0 or less if it does not fit."""
    free = extent + sum(padding) - reach
    if not ceil_mode:
        return free // stride + 1
    positions = -(-free // stride) + 1
    return positions - 1 if (positions - 1) * stride >= extent + padding[0] else positions
