"""Set kernel sizes, repeats, types and other values in the text of a spec; comments and layout are kept."""

from collections.abc import Callable, Mapping, Sequence
from operator import index
from typing import Any

from archbuilder.errors import ArchbuilderError, Problem, SpecError, did_you_mean, raise_if_any
from archbuilder.plan.keys import Keys, refused, single
from archbuilder.plan.members import all_members, index_members
from archbuilder.plan.rewrite import PASSES, declared_values, rewritten
from archbuilder.spec.document import SpecDocument
from archbuilder.spec.edit import Plain, Value, same
from archbuilder.spec.expression import is_expression
from archbuilder.spec.grammar import LayerEntry
from archbuilder.spec.nodes import ScalarNode, describe_value, location

Asked = dict[tuple[int, str], Plain]
"""Values by the position of their layer in the order of the file, and their key."""


def value_at(keys: Keys, path: str) -> int | str:
    """Return the value at a path, or its default.

    Raises:
        SpecError: There is no such layer or key, or no single integer or word.
    """
    position, key = keys.find(path)
    keys.check(position, key, keys.type(position))
    value = keys.value(position, key)
    if value is None:
        raise refused(f"{path} is not written, and has no single default")
    if not isinstance(value, int | str):
        raise refused(f"{path} is {describe_value(value)}, neither an integer nor a string")
    return value


def with_values(keys: Keys, values: Mapping[str, Any]) -> SpecDocument:
    """Return the spec with some values set, each by its path; every `in` follows.

    Raises:
        SpecError: A path or a value is invalid; with every problem found.
        ArchbuilderError: A value is shared through a YAML alias or merge key and cannot change alone.
    """
    document = keys.document
    asked = _asked(keys, values)
    asked |= _followed_paddings(keys, asked)
    asked = {place: value for place, value in asked.items() if not same(keys.value(*place), value)}
    if not asked:
        return document
    kept = {
        (position, key): entry.value.value
        for position, member in enumerate(keys.members)
        for key, entry in member.node.entries.items()
        if isinstance(entry.value, ScalarNode) and key != "in"
    }
    wanted = kept | asked

    def values_of(document: SpecDocument) -> list[Value]:
        return _values_of(document, wanted, keys)

    def with_inputs(document: SpecDocument) -> list[Value]:
        found = index_members(document)
        raise_if_any(found.problems)
        written = index_members(document.as_written) if document.is_multiplied else found
        return [*_values_of(document, wanted, keys), *declared_values(document, written.declared)]

    return _settled(_settled(document, values_of), with_inputs)


def _asked(keys: Keys, values: Mapping[str, Any]) -> Asked:
    """Find the places of values, and check that each layer can have them."""
    problems: list[Problem] = []
    asked: Asked = {}
    paths: dict[tuple[int, str], str] = {}
    for path, value in values.items():
        try:
            place = keys.find(path)
            paths[place] = path
            asked[place] = _plain(path, value)
        except SpecError as error:
            problems += error.problems
    for (position, key), path in paths.items():
        type_ = str(asked.get((position, "type"), keys.type(position)))
        try:
            if key == "type":
                keys.check(position, key, keys.type(position))
                _check_type(keys, position, path, type_)
            elif not type_ or keys.knows(type_):
                keys.check(position, key, type_)
        except SpecError as error:
            problems += error.problems
    raise_if_any(problems)
    return asked


def _plain(path: str, value: Any) -> int | str:
    """Return a value as a Python int or str; NumPy integers are accepted."""
    if isinstance(value, str):
        if is_expression(value):
            raise refused(f"{path}: found {describe_value(value)}, expected a plain value, not a $ expression")
        return str(value)
    if isinstance(value, bool):
        return value
    try:
        return index(value)
    except TypeError:
        raise refused(f"{path}: found {describe_value(value)}, expected an integer or a string") from None


def _check_type(keys: Keys, position: int, path: str, type_: str) -> None:
    """See that a type exists, and knows every key that its layer has."""
    if not keys.knows(type_):
        known = keys.known_types()
        near = did_you_mean(type_, known)
        raise refused(
            f"{path}: unknown layer type {type_!r}{near}", *([] if near else [f"known are {', '.join(known)}"])
        )
    member, known_keys = keys.members[position], keys.defaults(position, type_)
    assert isinstance(member, LayerEntry)
    before, layer = keys.type(position), path.rpartition(".")[0]
    lost = [key for key in member.values if key not in known_keys]
    notes = (f"the keys of {type_} are {', '.join(key for key in known_keys if key not in ('repeat', 'from'))}",)
    if lost:
        raise SpecError([Problem(_lost(layer, key, before, type_), path=path, notes=notes) for key in lost])


def _lost(layer: str, key: str, before: str, after: str) -> str:
    return f"{after} has no key {key!r}, which {layer} sets as {before}"


def _followed_paddings(keys: Keys, asked: Asked) -> Asked:
    """Adapt padding that keeps the map size to a new kernel or dilation.

    A window of k with dilation d reaches over d (k - 1) + 1 values. A padding of half of d (k - 1) makes the size of
    the map depend on the stride alone.
    """
    followed: Asked = {}
    for position in dict.fromkeys(position for position, key in asked if key in ("kernel", "dilation")):
        type_ = str(asked.get((position, "type"), keys.type(position)))
        known = keys.defaults(position, type_)
        if "padding" not in known or "kernel" not in known or (position, "padding") in asked:
            continue
        old = {key: single(keys.value(position, key)) for key in ("kernel", "padding", "dilation")}
        old["dilation"] = 1 if "dilation" not in known else old["dilation"]
        new = {key: asked.get((position, key), value) for key, value in old.items()}
        if not all(_is_size(value) for value in (*old.values(), *new.values())) or not new["kernel"]:
            continue  # not numbers, or the planner refuses them
        if old == new or 2 * old["padding"] != old["dilation"] * (old["kernel"] - 1):
            continue
        around = new["dilation"] * (new["kernel"] - 1)
        path = keys.path(position, "kernel")
        if around % 2:
            message = f"{path}: no padding keeps the map size with a kernel of {new['kernel']}, as with {old['kernel']}"
            raise refused(message, f"set {keys.path(position, 'padding')} too, or write padding: same in the spec")
        node = keys.members[position].node.get("padding")
        if node is not None and not isinstance(node, ScalarNode):
            message = f"{path}: the padding beside it is a list ({location(node)}), and should be {around // 2}"
            raise refused(message, "write it as one number, or as padding: same")
        followed[position, "padding"] = around // 2
    return followed


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _values_of(document: SpecDocument, wanted: Asked, keys: Keys) -> list[Value]:
    """Return the values to write for all layers.

    What a layer did not say it may say now, as it takes over keys from another: it should say what was meant before.
    """
    heads = {id(head.member) for head in document.heads}
    members = list(all_members(document))

    def value(position: int, key: str, value: Plain) -> Value:
        member = members[position]
        return Value("aux" if id(member) in heads else "layers", member.name or "", member.node, key, value)

    found = [value(position, key, plain) for (position, key), plain in wanted.items()]
    for position, member in enumerate(members):
        for key, entry in member.node.entries.items():
            had = key in keys.members[position].node.entries
            if key == "in" or had or (position, key) in wanted:
                continue
            default = keys.value(position, key)
            if default is None:
                raise ArchbuilderError(f"{location(entry.value)}: {key} is shared through a YAML alias; write it out")
            found.append(value(position, key, default))
    return found


def _settled(document: SpecDocument, wanted: Callable[[SpecDocument], Sequence[Value]]) -> SpecDocument:
    """Write values repeatedly until all are set, as an alias or merged value may change with another."""
    for _ in range(PASSES):
        values = wanted(document)
        if all(value.is_so for value in values):
            return document
        document = rewritten(document, values)
    raise ArchbuilderError(f"{document.source.name}: its YAML aliases do not allow these values; write them out")
