"""Validate symbols as plain numbers, then put them back."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from archbuilder.plan.symbols import Symbol, fixed, traced_value


def as_validated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a model takes them: a symbol as its value, and one in a list under the guard that it is that."""
    return {
        key: [fixed(item) for item in value] if isinstance(value, list) else traced_value(value)
        for key, value in values.items()
    }


def restored(model: BaseModel, values: Mapping[str, Any], present: Any) -> Any:
    """Put symbols into a model in the place of their values, the bounds of its keys as guards.

    Where a key takes no plain integer, the symbol is taken at its value, under the guard that it is that.

    Args:
        model: The model, made of the symbols' values.
        values: What it was made of, by key.
        present: 1 where the branch that the model belongs to exists: where it does not, no bound counts.
    """
    symbols = {key: value for key, value in values.items() if isinstance(value, Symbol)}
    if not symbols:
        return model
    placed = {}
    for name, field in type(model).model_fields.items():
        symbol = symbols.get(field.alias or name)
        if symbol is None:
            continue
        if field.annotation is int:
            _guard_bounds(symbol, field, present)
            placed[name] = symbol
        else:
            symbol.fixed()
    return model.model_copy(update=placed)


def _guard_bounds(symbol: Symbol, field: FieldInfo, present: Any) -> None:
    """Note that a symbol is within the bounds of a key, wherever the branch that it is in exists."""
    with_it = symbol.present() * present
    exists_with_it = isinstance(present, Symbol) and with_it.terms == present.terms and symbol.never_negative
    for bound in field.metadata:
        outside = False
        if isinstance(bound, Le):
            # Where the branch may be left out, a width above the bound is refused by planning alone.
            with symbol.trace.requiring() if not isinstance(present, Symbol) else nullcontext():
                outside = symbol > bound.le
        elif isinstance(bound, Ge):
            least: Any = bound.ge
            with symbol.trace.requiring():
                outside = not (least <= 1 and exists_with_it) and symbol * present < least * present
        assert not outside, "the value has been validated"


def masked(model: Any, keys: tuple[str, ...], present: Any) -> Any:
    """Multiply the widths of a primitive by 1 if its branch exists, else by 0."""
    if not isinstance(present, Symbol) or not keys:
        return model
    fields = [name for name, field in type(model).model_fields.items() if field.alias in keys]
    return model.model_copy(update={name: getattr(model, name) * present for name in fields})
