"""Padding that changes with a new kernel or dilation, to keep the size of the map."""

from collections.abc import Mapping
from typing import Any

from archbuilder.plan.paths import Paths, refused
from archbuilder.spec.edit import Plain

_Pair = tuple[int, int]


def followed_padding(paths: Paths, number: int, requested: Mapping[str, Plain]) -> Plain:
    """Compute the padding of a layer with a new kernel or dilation; None if the padding does not change.

    A window of k with dilation d covers d (k - 1) + 1 values. With a padding of d (k - 1) / 2, the size of the map
    depends only on the stride; such padding is recomputed for each direction.

    Args:
        paths: The paths of the spec.
        number: The number of the layer's place.
        requested: The new values of the layer by key.

    Raises:
        SpecError: No padding keeps the size, because the new window is even.
    """
    type_ = str(requested.get("type", paths.type(number)))
    known = paths.defaults(number, type_)
    if "padding" not in known or "kernel" not in known or "padding" in requested:
        return None
    before = {key: paths.value(number, key) for key in ("kernel", "padding", "dilation")}
    if "dilation" not in known:
        before["dilation"] = 1
    after = before | {key: requested[key] for key in ("kernel", "dilation") if key in requested}
    old, new = ({key: _pair(value) for key, value in values.items()} for values in (before, after))
    kernel, padding, dilation = old["kernel"], old["padding"], old["dilation"]
    new_kernel, new_dilation = new["kernel"], new["dilation"]
    if not (kernel and padding and dilation and new_kernel and new_dilation) or 0 in new_kernel or old == new:
        return None  # not integers, or values that the planner refuses
    if any(2 * p != d * (k - 1) for k, p, d in zip(kernel, padding, dilation, strict=True)):
        return None
    covered = [d * (k - 1) for k, d in zip(new_kernel, new_dilation, strict=True)]
    if any(size % 2 for size in covered):
        layer = next(name for name, found in paths.layers.items() if found == number)
        kernels = f"with a kernel of {after['kernel']}, as with {before['kernel']}"
        message = f"{layer}.kernel: no padding keeps the map size {kernels}"
        raise refused(message, f"set {layer}.padding too, or write padding: same in the spec")
    return covered[0] // 2 if covered[0] == covered[1] else [size // 2 for size in covered]


def _pair(value: Any) -> _Pair | None:
    """Return (height, width) from an integer or a list of two; None for anything else."""
    items = value if isinstance(value, list) else [value, value]
    if len(items) != 2 or any(isinstance(item, bool) or not isinstance(item, int) or item < 0 for item in items):
        return None
    return items[0], items[1]
