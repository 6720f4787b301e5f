"""Find the state dict inside the content of a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from archbuilder.errors import ArchbuilderError

_KEYS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "network",
    "net",
    "module",
    "backbone",
    "encoder",
    "weights",
    "params",
)
"""The keys below which checkpoints of others keep weights; averages come first, as they are what was evaluated."""

_DEEPEST, _MOST_NAMED = 4, 8


class Found(NamedTuple):
    """A state dict, and the keys below which it was found: `checkpoint.state_dict`."""

    tensors: dict[str, Tensor]
    nested: str


def find_state_dict(content: Any, path: Path) -> Found:
    """Return the state dict in what a file holds: all of it, or what is below one of the usual keys.

    Raises:
        ArchbuilderError: There is none; the message says what the file holds.
    """
    found = _search(content, (), set())
    if found is None:
        raise ArchbuilderError(f"{path}: no state dict in it: {_description(content)}")
    return found


def _search(content: Any, keys: tuple[str, ...], seen: set[int]) -> Found | None:
    """Return the state dict in a mapping that was found below some keys, or None; each mapping is searched once."""
    if not isinstance(content, Mapping) or len(keys) > _DEEPEST or id(content) in seen:
        return None
    seen.add(id(content))
    for key in _KEYS:
        if key in content and (found := _search(content[key], (*keys, key), seen)) is not None:
            return found
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor) and isinstance(key, str)}
    if tensors:
        return Found(tensors, ".".join(keys))
    # Another key, if there is only one that it can be.
    below = [_search(value, (*keys, str(key)), seen) for key, value in content.items() if key != "optimizer"]
    found_below = [found for found in below if found is not None]
    return found_below[0] if len(found_below) == 1 else None


def _description(content: Any) -> str:
    """Format what a file holds instead of weights."""
    if not isinstance(content, Mapping):
        return f"found a {type(content).__name__}"
    keys = [str(key) for key in content]
    if not keys:
        return "found an empty mapping"
    more = f" and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else ""
    return f"found the keys {', '.join(keys[:_MOST_NAMED])}{more}"
