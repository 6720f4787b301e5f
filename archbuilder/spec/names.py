"""Valid names of layers, and names that number repetitions, such as `layer{}`."""

import re
from keyword import iskeyword, kwlist
from typing import Annotated, Any

from pydantic import BeforeValidator

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")

_PLACE = re.compile(r"\{([0-9]{0,6})\}")
"""The placeholder for the number of a repetition in a name, with the first number; without one, 0."""

# Attributes of torch.nn.Module, which a layer of that name would hide. A test compares this list with torch.
RESERVED = frozenset(
    (
        "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu",
        "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state",
        "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers",
        "named_children", "named_modules", "named_parameters", "parameters", "register_backward_hook",
        "register_buffer", "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
        "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
        "register_module", "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
        "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
        "training", "type", "xpu", "zero_grad",
    )
)  # fmt: skip

# Further attributes of modules from torch.export: a network with a layer of that name could not be exported.
EXPORTED = frozenset(
    (
        "add_submodule", "code", "delete_all_unused_submodules", "delete_submodule", "graph", "meta", "print_readable",
        "range_constraints", "recompile", "shape_env", "to_folder", "validate_inputs",
    )
)  # fmt: skip

TAKEN = frozenset({*RESERVED, *EXPORTED, *kwlist, "input"})
"""The reserved names of layers."""


def is_pattern(name: str) -> bool:
    """Return whether a name numbers repetitions, such as `layer{}` or `layer{1}`."""
    return bool(_PLACE.search(name))


def numbered_name(pattern: str, position: int) -> str:
    """Return the name of a repetition: `layer{1}` makes `layer1` of the one at position 0."""
    return _PLACE.sub(lambda place: str(int(place[1] or 0) + position), pattern)


def pattern_position(pattern: str, name: str) -> int | None:
    """Return the position of the repetition that a pattern gives a name; None if it gives no such name."""
    place = _PLACE.search(pattern)
    if place is None or not name.startswith(pattern[: place.start()]) or not name.endswith(pattern[place.end() :]):
        return None
    number = name[place.start() : len(name) - len(pattern) + place.end()]
    position = int(number) - int(place[1] or 0) if re.fullmatch(r"[0-9]{1,6}", number) else -1
    return position if position >= 0 and numbered_name(pattern, position) == name else None


def pattern_fault(name: object) -> str | None:
    """Describe what is wrong with the name of repetitions, or None."""
    if isinstance(name, str) and len(_PLACE.findall(name)) == 1:
        return name_fault(numbered_name(name, 0))
    return name_fault(name)


def name_fault(name: object) -> str | None:
    """Describe what is wrong with a layer's name, or None: names become state-dict keys and attributes of modules."""
    if not isinstance(name, str):
        return "a name must be a string"
    if not NAME.fullmatch(name) or len(name) > 100:
        return f"{name[:40]!r} is not a valid name: use only letters, digits, _ and -, as it becomes a state-dict key"
    if name == "input":
        return "'input' is reserved: `from: input` is the input of the list"
    if name in RESERVED or name.startswith("_"):
        return f"{name!r} is reserved: every torch.nn.Module has an attribute of that name"
    if name in EXPORTED:
        return f"{name!r} is reserved: modules from torch.export have an attribute of that name"
    if iskeyword(name):
        return f"{name!r} is a Python keyword: torch.export writes names as Python code"
    return None


def _as_name(value: Any) -> Any:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or (fault := name_fault(text)):
        raise ValueError(f"expected a name: {fault}" if isinstance(text, str) else "expected a name")
    return text


Name = Annotated[str, BeforeValidator(_as_name, json_schema_input_type=str | int)]
"""The name of a member; an integer is accepted and becomes a string."""
