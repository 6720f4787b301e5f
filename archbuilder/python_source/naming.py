"""Names of classes and arguments: the spec's names as Python identifiers in the field's words."""

import re
from collections.abc import Iterable
from keyword import iskeyword, issoftkeyword

_USUAL = {"in": "in_channels", "out": "out_channels", "kernel": "kernel_size", "classes": "num_classes"}
_BUILTIN = {"type", "input", "self", "nn", "torch", "range", "super", "layers", "min", "max", "round", "i"}
_LISTS = re.compile(r"layers(_\d+)?")  # what constructors collect modules in
LOCALS = {"x", "nn", "torch", "Tensor", "self", "branches", "layers"}
"""What has a meaning in every method."""


def argument_name(key: str, kind: str = "") -> str:
    """Return the identifier of a parameter of a block: `out` is `out_channels`, `3x3red` is `out_3x3red`.

    Args:
        key: Its name in the spec.
        kind: Its type in the spec, such as `width`.
    """
    if key in _USUAL:
        return _USUAL[key]
    if not key[0].isdigit():
        return identifier(key)
    words = key.split("_")
    if len(words) > 1 and not words[1][0].isdigit():  # 5x5_kernel is kernel_5x5
        return identifier("_".join([*words[1:], words[0]]))
    return identifier(f"out_{key}" if kind == "width" else f"n_{key}")


def identifier(name: str) -> str:
    """Return a name as an identifier in lower case."""
    found = re.sub(r"\W", "_", name).lower()
    if not found.isidentifier():
        found = f"n{found}" if found.startswith("_") else f"n_{found}"
    return (
        f"{found}_"
        if iskeyword(found) or issoftkeyword(found) or found in _BUILTIN or _LISTS.fullmatch(found)
        else found
    )


def class_name(name: str) -> str:
    """Return a name as that of a class: `bottleneck_residual` is `BottleneckResidual`."""
    words = re.split(r"[\W_]+", name)
    found = "".join(word[0].upper() + word[1:] for word in words if word)
    return found if found and not found[0].isdigit() else f"Net{found}"


def child_access(prefix: str, name: str) -> str:
    """Return how a child of a module is read: by its name, or by the text of it where that is no identifier."""
    return f"{prefix}.{name}" if name.isidentifier() else f'getattr({prefix}, "{name}")'


def unused(name: str, taken: Iterable[str]) -> str:
    """Return a name, or the first of `name_2`, `name_3`, … that is not taken."""
    found, count, known = name, 1, set(taken)
    while found in known:
        count += 1
        found = f"{name}_{count}" if name[:1].islower() else f"{name}{count}"
    return found
