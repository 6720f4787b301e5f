"""Set widths, kernels, repeats, types and other values in the text of a spec; comments and layout are kept."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from archbuilder.errors import ArchbuilderError, Problem, Source, SpecError, did_you_mean, raise_if_any
from archbuilder.plan.causes import located_at_causes
from archbuilder.plan.members import index_members
from archbuilder.plan.padding import followed_padding
from archbuilder.plan.paths import Paths, Place, all_places, refused
from archbuilder.plan.plan import DeclaredInput
from archbuilder.spec.document import SpecDocument, read_spec
from archbuilder.spec.edit import Plain, Scalar, Value, plain_value, same_typed_value, set_values
from archbuilder.spec.entries import LayerEntry
from archbuilder.spec.expression import is_expression
from archbuilder.spec.nodes import describe_value, location

_PASSES = 5  # changing an anchored value changes its aliases, which the next pass writes out
_Asked = dict[tuple[int, str], Plain]
"""Values by the number of their place, and their key."""


def value_at(paths: Paths, path: str) -> Any:
    """Return the value at a path, or its default.

    Raises:
        SpecError: The spec has no such layer or key, or the key has neither a value nor a default.
    """
    number, key = paths.find(path)
    paths.check(path, number, key, paths.type(number))
    value = paths.value(number, key)
    if value is None:
        raise refused(f"{path} is not written, and has no default")
    return value


def updated(paths: Paths, values: Mapping[str, Any]) -> SpecDocument:
    """Return the spec with some values set, each by its path; every `in` follows.

    A layer of an extended file is changed by name, under `layers:` or `aux:` of the spec. If it has no name, as in a
    branch, the whole spec is written out.

    Raises:
        SpecError: A path or a value is invalid; with every problem found.
        ArchbuilderError: A value is shared through a YAML alias or merge key and cannot change alone.
    """
    document = paths.document
    requested = _requested_values(paths, values)
    for number in dict.fromkeys(number for number, key in requested if key in ("kernel", "dilation")):
        layer_values = {key: value for (place, key), value in requested.items() if place == number}
        padding = followed_padding(paths, number, layer_values)
        if padding is not None:
            requested[number, "padding"] = padding
    requested = {place: value for place, value in requested.items() if not same_typed_value(paths.value(*place), value)}
    if not requested:
        return document
    written = {
        (number, key): plain_value(entry.value)
        for number, place in enumerate(paths.places)
        for key, entry in place.node.entries.items()
        if key != "in" and not place.is_inherited(key) and _is_plain(place, key)
    }
    wanted = written | requested

    def values_of(document: SpecDocument) -> list[Value]:
        return _values_of(document, wanted, paths)

    def with_inputs(document: SpecDocument) -> list[Value]:
        index = index_members(document)
        raise_if_any(located_at_causes(document, index.problems))
        unmultiplied = index_members(document.as_written) if document.is_multiplied else index
        return [*_values_of(document, wanted, paths), *_inputs(document, unmultiplied.declared)]

    return _write_until_set(_write_until_set(document, values_of), with_inputs)


def _is_plain(place: Place, key: str) -> bool:
    node = place.node.entries[key].value
    return plain_value(node) is not None or getattr(node, "value", 0) is None


def _requested_values(paths: Paths, values: Mapping[str, Any]) -> _Asked:
    """Find the places of values, and check that each layer can have them."""
    problems: list[Problem] = []
    requested: _Asked = {}
    found: dict[str, tuple[int, str]] = {}
    for path, value in values.items():
        try:
            found[path] = place = paths.find(path)
            requested[place] = _plain(path, value)
        except SpecError as error:
            problems += error.problems
    for path, (number, key) in found.items():
        type_ = str(requested.get((number, "type"), paths.type(number)))
        try:
            if key == "type":
                paths.check(path, number, key, paths.type(number))
                _check_type(paths, number, path, type_)
            elif not type_ or paths.knows(type_):
                paths.check(path, number, key, type_)
                _check_width(paths, path, key, type_, requested.get((number, key), 0))
        except SpecError as error:
            problems += error.problems
    raise_if_any(problems)
    return requested


def _plain(path: str, value: Any) -> Plain:
    """Return a value as plain data; NumPy's integers and floats are accepted, and tuples are lists."""
    if isinstance(value, list | tuple):
        return [_scalar(path, item) for item in value]
    return _scalar(path, value)


def _scalar(path: str, value: Any) -> Scalar:
    """Return a single value as plain data; raise an error for a `$` value or another type."""
    if isinstance(value, str):
        if is_expression(value):
            raise refused(f"{path}: found {describe_value(value)}, expected a plain value, not a $ expression")
        return str(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    expected = "an integer, a float, a boolean, a string, or a list of these"
    raise refused(f"{path}: found {describe_value(value)}, expected {expected}")


def _check_width(paths: Paths, path: str, key: str, type_: str, value: Plain) -> None:
    if key in paths.widths(type_) and (isinstance(value, bool) or not isinstance(value, int)):
        raise refused(f"{path}: found {describe_value(value)}, expected an integer")


def _check_type(paths: Paths, number: int, path: str, type_: str) -> None:
    """Check that a type exists and has every key that its layer sets."""
    if not paths.knows(type_):
        known = paths.known_types()
        near = did_you_mean(type_, known)
        notes = [] if near else [f"known are {', '.join(known)}"]
        raise refused(f"{path}: unknown layer type {type_!r}{near}", *notes)
    member, known_keys = paths.places[number].member, paths.defaults(number, type_)
    assert isinstance(member, LayerEntry)
    before, layer = paths.type(number), path.rpartition(".")[0]
    unknown = [key for key in member.values if key not in known_keys]
    notes = [f"the keys of {type_} are {', '.join(key for key in known_keys if key not in ('repeat', 'from'))}"]
    messages = [f"{type_} has no key {key!r}, which {layer} sets as {before}" for key in unknown]
    raise_if_any(Problem(message, path=path, notes=tuple(notes)) for message in messages)


def _values_of(document: SpecDocument, wanted: _Asked, before: Paths) -> list[Value]:
    """Return the values to write for all layers.

    An edit may give a layer keys that it did not have, through an alias or merge key; these get their old default.
    """
    places = all_places(document)
    values = [_value(places[number], key, value) for (number, key), value in wanted.items()]
    for number, place in enumerate(places):
        for key, entry in place.node.entries.items():
            was_written = key in before.places[number].node.entries
            if key == "in" or was_written or (number, key) in wanted or place.is_inherited(key):
                continue
            default = before.value(number, key)
            if default is None:
                raise ArchbuilderError(f"{location(entry.value)}: {key} is shared through a YAML alias; write it out")
            values.append(_value(place, key, default))
    return values


def _value(place: Place, key: str, value: Plain) -> Value:
    name = "" if place.is_override else place.member.name or ""
    return Value("aux" if place.is_head else "layers", name, place.node, key, value)


def _inputs(document: SpecDocument, declared: Iterable[DeclaredInput]) -> Iterator[Value]:
    """Return every declared input as it should be written."""
    heads = {head.member.name for head in document.heads}
    for layer, node, channels in declared:
        if document.claims(node.entries["in"].value):
            yield Value("aux" if layer in heads else "layers", layer, node, "in", channels)


def _write_until_set(document: SpecDocument, wanted: Callable[[SpecDocument], Sequence[Value]]) -> SpecDocument:
    """Write values repeatedly until all are set, as an alias or merged value may change with another."""
    for _ in range(_PASSES):
        values = wanted(document)
        if all(value.is_set for value in values):
            return document
        document = _write(document, values)
    raise ArchbuilderError(f"{document.source.name}: its YAML aliases do not allow these values; write them out")


def _write(document: SpecDocument, values: Sequence[Value]) -> SpecDocument:
    """Return the spec with values set in place, or written out as a whole if that is impossible."""
    if all(_can_be_written(value, document) for value in values):
        source = set_values(document.source, values)
    else:
        source = Source(document.source.name, document.written_out, document.source.path)
    document, problems = read_spec(source)
    raise_if_any(problems)
    return document


def _can_be_written(value: Value, document: SpecDocument) -> bool:
    """Return whether a value can be written in the spec's own text: extended files are changed by name."""
    members = [*document.layers, *(head.member for head in document.heads)]
    entry = value.node.entries.get(value.key)
    return (
        value.is_set
        or document.source in (value.node.source, entry.value.source if entry and entry.own else None)
        or any(member.node is value.node and member.name for member in members)
    )
