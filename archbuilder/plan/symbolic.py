"""Validate keys and inputs of layers whose numbers may be symbols."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from archbuilder.errors import Problem
from archbuilder.plan.flow import Flow
from archbuilder.plan.frame import Frame
from archbuilder.plan.symbols import Number, Symbol, fixed, traced_value
from archbuilder.spec.validation import Locator, Model, validate


def validate_keys(
    model: type[Model],
    values: Mapping[str, Any],
    present: Number,
    what: str,
    locate: Locator,
    also: tuple[str, ...],
) -> Model | list[Problem]:
    """Validate the keys of a layer, of which some may be symbols.

    The value of a symbol is validated. If the key is a plain integer, the symbol is put back, with the bounds of the
    key as guards. For other keys, such as lists, the symbol is replaced by its value, with a guard that it has this
    value.

    Args:
        model: The primitive, or the arguments of the block.
        values: The values by key.
        present: 1 where the branch that contains the layer exists; elsewhere no bound applies.
        what: What the keys belong to, for messages.
        locate: Finds the places of keys and values in the text.
        also: Other allowed keys, suggested for unknown keys.

    Returns:
        The model, or every problem found.
    """
    plain = {
        key: [fixed(item) for item in value] if isinstance(value, list) else traced_value(value)
        for key, value in values.items()
    }
    result = validate(model, plain, what, "", locate, also)
    symbols = {key: value for key, value in values.items() if isinstance(value, Symbol)}
    if isinstance(result, list) or not symbols:
        return result
    placed = {}
    for name, field in type(result).model_fields.items():
        symbol = symbols.get(field.alias or name)
        if symbol is None:
            continue
        if field.annotation is int:
            _guard_bounds(symbol, field, present)
            placed[name] = symbol
        else:
            symbol.fixed()
    return result.model_copy(update=placed)


def _guard_bounds(symbol: Symbol, field: FieldInfo, present: Number) -> None:
    """Add guards that a symbol is within the bounds of a key wherever its branch exists."""
    with_it = symbol.present() * present
    exists_with_it = isinstance(present, Symbol) and with_it.terms == present.terms and symbol.never_negative
    for bound in field.metadata:
        outside = False
        if isinstance(bound, Le):
            # If the branch may be removed, only planning decides whether a width above the bound is invalid.
            with symbol.trace.requiring() if not isinstance(present, Symbol) else nullcontext():
                outside = symbol > bound.le
        elif isinstance(bound, Ge):
            least: Any = bound.ge
            with symbol.trace.requiring():
                outside = not (least <= 1 and exists_with_it) and symbol * present < least * present
        assert not outside, "the value has been validated"


def presence(width: Any) -> Number | None:
    """Return 1 for a width that is not 0, and None for 0.

    For a symbol, return the symbol that is 1 where it is not 0. If it is 0 at the traced widths, return None, with a
    guard that it is 0.
    """
    if isinstance(width, Symbol) and width.value:
        return width.present()
    return None if width == 0 else 1


def in_branch(frame: Frame, flow: Flow, present: Number) -> tuple[Frame, Flow]:
    """Return the frame and the input of a branch, with 0 channels where the branch does not exist.

    Args:
        frame: The frame of the fork.
        flow: The input of the fork.
        present: 1 where the branch exists, and 0 where it does not.
    """
    if not isinstance(present, Symbol):
        return frame, flow
    shape = (flow.shape[0] * present, *flow.shape[1:])
    return frame.changed(present=frame.present * present), replace(flow, shape=shape)


def masked(model: Model, keys: tuple[str, ...], present: Number) -> Model:
    """Multiply the widths of a primitive by 1 if its branch exists, else by 0."""
    if not isinstance(present, Symbol) or not keys:
        return model
    fields = [name for name, field in type(model).model_fields.items() if field.alias in keys]
    return model.model_copy(update={name: getattr(model, name) * present for name in fields})
