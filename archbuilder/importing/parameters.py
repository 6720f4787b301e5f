"""From the slots of a template to the parameters of a block: which are one, which follow from others, their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from archbuilder.importing.idioms import IN_CHANNELS, merge_of, rewritten
from archbuilder.importing.tree import INPUT, OUTPUT, Members
from archbuilder.importing.unify import ABSENT, WHEN, Optional, Slot, Template, UnlikeError
from archbuilder.primitives import MERGES
from archbuilder.spec.keys import LAYER_KEYS

Member = dict[str, Any]
_TYPES = {
    "kernel": "size", "stride": "size", "dilation": "size", "padding": "padding", "function": "activation",
    "activation": "activation", "p": "probability", "output": "size", "factor": "integer", "conv_name": "name",
    "norm_name": "name", "drop": "probability", "output_padding": "size",
}  # fmt: skip
_RESERVED = {*LAYER_KEYS, *MERGES, "sequence", "split", "classes", "in_channels", "in"}
_MOST_FLAGS = 3
_OPTIONAL = {"add": "residual", "multiply": "attention", "concat": "joined"}
_WIDTH_WORDS = ("conv", "convolution", "linear", "0", "fc", "block", "layers", "first")


@dataclass(eq=False)
class _Parameter:
    """A parameter to be.

    Attributes:
        kind: Its type.
        slots: The slots that it fills.
        values: Its value in each instance, `ABSENT` where nothing needs one.
        name: Its name.
        default: Its default; None without one.
    """

    kind: str
    slots: list[Slot]
    values: list[Any]
    name: str = ""
    default: Any = None
    conditions: list[int] = field(default_factory=list)

    @property
    def constant(self) -> bool:
        return len({str(value) for value in self.values if value is not ABSENT}) <= 1


@dataclass
class BlockDraft:
    """A block, and how each instance uses it.

    Attributes:
        parameters: The declarations.
        body: The members.
        uses: The keys of each instance.
        defaults: The default of each parameter that has one, for unifying its uses.
        widths: The parameters that are widths.
    """

    parameters: dict[str, Any]
    body: Members
    uses: list[dict[str, Any]]
    defaults: dict[str, Any]
    widths: tuple[str, ...]


def block_of(template: Template, channels: Sequence[int], outputs: Sequence[Any]) -> BlockDraft:
    """Return the block of a template.

    Args:
        template: The template.
        channels: The input channels of each instance.
        outputs: The shape of the output of each instance.

    Raises:
        UnlikeError: A value that differs has no type of parameter.
    """
    return _Writer(template, list(channels), [each[0] for each in outputs]).draft()


class _Writer:
    def __init__(self, template: Template, channels: list[int], outputs: list[int]) -> None:
        self._template, self._channels, self._outputs = template, channels, outputs
        self._count = len(channels)
        self._texts: dict[Slot, Any] = {}
        self._parameters: list[_Parameter] = []

    def draft(self) -> BlockDraft:
        adds = _has_sum(self._template.body)
        for slot in self._template.slots:
            self._place(slot, adds)
        self._resolve_inputs()
        for parameter in [each for each in self._parameters if each.kind != "width" and each.constant]:
            for slot in parameter.slots:
                self._texts[slot] = self._any(parameter)
            self._parameters.remove(parameter)
        self._name()
        self._resolve_groups()
        self._choose_defaults()
        conditions = self._conditions()
        declared = {p.name: self._declaration(p) for p in self._parameters}
        body = rewritten(self._template.body, lambda member: self._filled(member, conditions))
        uses = [self._use(place) for place in range(self._count)]
        defaults = {p.name: p.default for p in self._parameters if p.default is not None and not _computed(p.default)}
        widths = tuple(p.name for p in self._parameters if p.kind == "width")
        return BlockDraft(declared, body, uses, defaults, widths)

    # -- which slots are one parameter -------------------------------------------------------------------------------

    def _place(self, slot: Slot, adds: bool) -> None:
        kind = self._kind(slot)
        constant = len({str(value) for value in slot.values if value is not ABSENT}) == 1
        if slot.key == "groups" and _agree(slot.values, slot.inputs):
            self._texts[slot] = IN_CHANNELS
            return
        for parameter in self._parameters:
            alike = parameter.kind == kind and (kind == "width" or parameter.slots[0].key == slot.key)
            if kind == "width" and any(slot.is_beside(other) for other in parameter.slots):
                continue
            if alike and _agree(parameter.values, slot.values):
                both = parameter.constant and constant
                if both and kind == "width" and not adds:
                    continue
                if kind == "width" and slot.within != parameter.slots[0].within and both and not adds:
                    continue
                parameter.values = [b if a is ABSENT else a for a, b in zip(parameter.values, slot.values, strict=True)]
                parameter.slots.append(slot)
                return
        self._parameters.append(_Parameter(kind, [slot], list(slot.values)))

    def _kind(self, slot: Slot) -> str:
        shown = [value for value in slot.values if value is not ABSENT]
        if slot.is_width:
            return "width"
        if slot.key in _TYPES:
            return _TYPES[slot.key]
        kinds = {type(value) for value in shown}
        if kinds == {bool}:
            return "boolean"
        if kinds == {int}:
            return "integer"
        if kinds <= {int, float}:
            return "float"
        if kinds == {str}:
            return "string"
        raise UnlikeError(f"{slot.key}: {kinds}")

    def _resolve_inputs(self) -> None:
        """Write `$in` where a width is that of the input in every instance."""
        kept = []
        for parameter in self._parameters:
            same = parameter.kind == "width" and _agree(parameter.values, self._channels)
            if same and (not parameter.constant or self._count > 1) and len(set(self._channels)) > 1:
                for slot in parameter.slots:
                    self._texts[slot] = "$in"
            else:
                kept.append(parameter)
        self._parameters = kept

    def _resolve_groups(self) -> None:
        """Let groups follow from the outputs where all groups are equally wide."""
        for parameter in [each for each in self._parameters if each.slots and each.slots[0].key == "groups"]:
            widths = [each for each in self._parameters if each.kind == "width" and each.slots]
            for width in widths:
                pairs = [(a, b) for a, b in zip(parameter.values, width.values, strict=True) if a is not ABSENT]
                if any(not isinstance(b, int) or b % a for a, b in pairs) or len({b // a for a, b in pairs}) != 1:
                    continue
                if width.slots[0].path != parameter.slots[0].path and not self._beside(width, parameter):
                    continue
                for slot in parameter.slots:
                    self._texts[slot] = f"${width.name} // {pairs[0][1] // pairs[0][0]}"
                self._parameters.remove(parameter)
                break

    @staticmethod
    def _beside(width: _Parameter, parameter: _Parameter) -> bool:
        """Return whether a width is the output of the layer whose groups a parameter is."""
        return any(one.path == other.path for one in width.slots for other in parameter.slots)

    # -- names and defaults ------------------------------------------------------------------------------------------

    def _name(self) -> None:
        taken: set[str] = set()
        self._parameters.sort(key=lambda p: (p.kind != "width", not self._is_output(p)))
        for parameter in self._parameters:
            if parameter.kind == "width" and self._is_output(parameter) and "out" not in taken:
                name = "out"
            elif parameter.kind == "width":
                name = _from_path(parameter.slots[0].path, parameter.slots[0].key)
            else:
                key = parameter.slots[0].key
                word = {"function": "activation", "p": "drop", "repeat": "depth"}.get(key, key)
                alone = sum(p.slots[0].key == key for p in self._parameters) == 1
                name = word if alone else f"{_from_path(parameter.slots[0].path, '')}_{word}".strip("_")
            stem, number = name, 2
            while name in taken or name in _RESERVED:
                name, number = f"{stem}_{number}", number + 1
            parameter.name = name
            taken.add(name)

    def _is_output(self, parameter: _Parameter) -> bool:
        return _agree(parameter.values, self._outputs) and not any(v is ABSENT for v in parameter.values)

    def _choose_defaults(self) -> None:
        for place, parameter in enumerate(self._parameters):
            values = [value for value in parameter.values if value is not ABSENT]
            most, times = Counter(map(_frozen, values)).most_common(1)[0]
            if parameter.kind == "width":
                needed = len(values) == self._count or len(set(values)) > 1
                if needed and not self._is_output(parameter):
                    parameter.default = self._follows(parameter, self._parameters[:place])
                if parameter.default is None and len(set(values)) == 1 and len(values) == self._count:
                    parameter.default = values[0]
            elif times * 2 >= len(values) or parameter.kind in ("boolean", "probability"):
                parameter.default = _thawed(most)
                if parameter.kind == "probability" and 0 in values:
                    parameter.default = 0.0

    def _follows(self, parameter: _Parameter, before: list[_Parameter]) -> str | None:
        """Return how a width follows from the input or an earlier width; None if it does not."""
        if len({value for value in parameter.values if value is not ABSENT}) < 2:
            return None
        near = [p for p in before if p.kind == "width" and not any(slot.branches for slot in p.slots)]
        sources = [("$in", list(self._channels))] + [(f"${p.name}", p.values) for p in near]
        for text, values in sources:
            pairs = [(a, b) for a, b in zip(parameter.values, values, strict=True) if a is not ABSENT]
            if not all(isinstance(a, int) and isinstance(b, int) and b for a, b in pairs):
                continue
            for ratio in (2, 3, 4, 5, 6, 8, 12, 16, 32):
                if all(a == b * ratio for a, b in pairs):
                    return f"{ratio} * {text}"
                if all(a == b // ratio for a, b in pairs):
                    return f"{text} // {ratio}"
        return None

    # -- conditions --------------------------------------------------------------------------------------------------

    def _conditions(self) -> dict[int, str]:
        """Return the condition of each optional member."""
        found: dict[int, str] = {}
        for optional in self._template.optional:
            found[optional.number] = self._own_width(optional) or self._compared(optional) or self._flag(optional)
        return found

    def _own_width(self, optional: Optional) -> str | None:
        """Return a condition on a width that is that member's alone: 0 leaves it out."""
        absent = [place for place, there in enumerate(optional.present) if there is False]
        for parameter in self._parameters:
            own = bool(parameter.slots) and all(optional.number in slot.within for slot in parameter.slots)
            if parameter.kind in ("width", "probability") and own and parameter.conditions in ([], [optional.number]):
                if parameter.slots[0].within != (*optional.within, optional.number):
                    continue
                needed = [p for p, there in enumerate(optional.present) if there is True]
                zero: Any = 0 if parameter.kind == "width" else 0.0
                if not _computed(parameter.default) or len(absent) > len(needed) // 2:
                    parameter.default = zero
                for place in absent:
                    parameter.values[place] = zero
                parameter.conditions = [optional.number]
                return f"${parameter.name} > 0"
        return None

    def _compared(self, optional: Optional) -> str | None:
        """Return a condition on strides and channels that holds where the member is."""
        terms: list[tuple[str, list[bool]]] = []
        for parameter in self._parameters:
            if any(value is ABSENT for value in parameter.values):
                continue
            if parameter.slots and parameter.slots[0].key == "stride":
                terms.append((f"${parameter.name} != 1", [value != 1 for value in parameter.values]))
            if parameter.kind == "width" and not _computed(parameter.default):
                pairs = zip(parameter.values, self._channels, strict=True)
                terms.append((f"$in != ${parameter.name}", [a != b for a, b in pairs]))
        terms.sort(key=lambda term: not term[0].startswith("$stride"))
        return _condition(terms, optional.present)

    def _flag(self, optional: Optional) -> str:
        """Return a condition on a truth value of its own, or of a member that is there where it is."""
        for parameter in self._parameters:
            if not parameter.slots and _agree(parameter.values, optional.present):
                return f"${parameter.name}"
        word = optional.member.get("name") or _OPTIONAL.get(merge_of(optional.member), "more")
        name = _from_path((str(word),), "")
        taken = {parameter.name for parameter in self._parameters} | _RESERVED
        name = name if name not in taken else f"has_{name}"
        number = 2
        while name in taken:
            name, number = f"{name}_{number}", number + 1
        values = [False if there is ABSENT else bool(there) for there in optional.present]
        if sum(not parameter.slots for parameter in self._parameters) >= _MOST_FLAGS:
            raise UnlikeError("too many members that some lack")
        most = sum(values) * 2 >= len(values)
        self._parameters.append(_Parameter("boolean", [], values, name, most))
        return f"${name}"

    # -- the block ---------------------------------------------------------------------------------------------------

    def _declaration(self, parameter: _Parameter) -> Any:
        if parameter.default is None:
            return parameter.kind
        return {"type": parameter.kind, "default": parameter.default}

    def _filled(self, member: Member, conditions: dict[int, str]) -> Member:
        filled: Member = {}
        for key, value in member.items():
            if key in (INPUT, OUTPUT):
                continue
            if key == "first":
                value = {k: self._text(v) if isinstance(v, Slot) else v for k, v in value.items()}  # noqa: PLW2901
            filled[key] = self._text(value) if isinstance(value, Slot) else value
        number = filled.pop(WHEN, None)
        return filled if number is None else _with_condition(filled, conditions[number])

    def _text(self, slot: Slot) -> Any:
        if slot in self._texts:
            return self._texts[slot]
        return next(f"${p.name}" for p in self._parameters if slot in p.slots)

    def _use(self, place: int) -> dict[str, Any]:
        use = {}
        for parameter in self._parameters:
            value = parameter.values[place]
            if value is ABSENT and parameter.default is not None:
                continue
            value = self._any(parameter) if value is ABSENT else value
            if value != self._evaluated(parameter.default, place):
                use[parameter.name] = value
        return use

    def _any(self, parameter: _Parameter) -> Any:
        return next(value for value in parameter.values if value is not ABSENT)

    def _evaluated(self, default: Any, place: int) -> Any:
        """Return the value of a computed default for an instance."""
        if not _computed(default):
            return default
        words = str(default).split()
        name = next(word for word in words if word.startswith("$"))
        value = (
            self._channels[place]
            if name == "$in"
            else next(p.values[place] for p in self._parameters if f"${p.name}" == name)
        )
        if not isinstance(value, int):
            return None
        return value // int(words[2]) if words[1] == "//" else value * int(words[0])


def _condition(terms: Sequence[tuple[str, list[bool]]], wanted: Sequence[Any]) -> str | None:
    """Return a condition of terms that holds where it should; None if there is none.

    Two of stride and channels are tried first, as a residual needs them.
    """
    both = [
        (one, other)
        for place, one in enumerate(terms)
        for other in terms[place + 1 :]
        if one[0].startswith("$stride") and other[0] == "$in != $out"
    ]
    for (left, a), (right, b) in both:
        either = [x or y for x, y in zip(a, b, strict=True)]
        if _agree(wanted, either):
            return f"{left} or {right}"
        if _agree(wanted, [not each for each in either]):
            return f"{left.replace('!=', '==')} and {right.replace('!=', '==')}"
    for text, holds in terms:
        if _agree(wanted, holds):
            return text
    for text, holds in terms:
        if _agree(wanted, [not each for each in holds]):
            return text.replace("!=", "==")
    return None


def _with_condition(member: Member, condition: str) -> Member:
    name = {"name": member["name"]} if "name" in member else {}
    return {**name, **{k: v for k, v in member.items() if k != "name"}, "when": condition}


def _has_sum(members: Any) -> bool:
    if isinstance(members, dict):
        return any(merge_of(members) == word for word in ("add", "multiply")) or any(map(_has_sum, members.values()))
    return isinstance(members, list) and any(map(_has_sum, members))


def _agree(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether values are equal wherever both are there."""
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not ABSENT and b is not ABSENT]
    return bool(pairs) and all(a == b for a, b in pairs)


def _computed(default: Any) -> bool:
    return isinstance(default, str) and "$" in default


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _thawed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _from_path(path: tuple[str, ...], key: str) -> str:
    """Return a name from those around a layer: `branch5x5_1` or `branch2_0`."""
    words = [word for word in path if word not in _WIDTH_WORDS] or list(path)
    if key in ("", "out") and all(word.isdecimal() for word in words):
        return "hidden"
    name = re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_") or "width"
    return name if key in ("", "out") else f"{name}_{key}"
