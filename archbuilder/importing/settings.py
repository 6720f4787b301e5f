"""What a file says once for all of its convolutions and norms."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from archbuilder.importing.blocks import below
from archbuilder.importing.idioms import SETTINGS, applies, rewritten
from archbuilder.importing.writing import as_number

Member = dict[str, Any]
_OF_NORMS = {"eps": 1e-5, "momentum": 0.1}


def with_settings(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec whose `conv` section has what most of its convolutions have, and those what differs."""
    convs = [member for member in _all(spec) if member.get("type") == "conv"]
    norms = [member for member in _all(spec) if member.get("type") == "batch_norm"]
    defaults = _of_norms(norms, convs)
    section = {key: value for key, value in _of_convolutions(convs).items() if key not in defaults}

    def written(member: Member) -> Member:
        if member.get("type") == "batch_norm":
            return {key: value for key, value in member.items() if key not in defaults}
        return _written(member, section, defaults) if member.get("type") == "conv" else member

    after = "output" if "output" in spec else "classes"
    ordered: dict[str, Any] = {}
    for key, value in spec.items():
        ordered[key] = value
        if key == after:
            ordered |= {"conv": section} if section else {}
            ordered |= {"defaults": {"batch_norm": defaults}} if defaults else {}
    if "blocks" in spec:
        blocks = spec["blocks"].items()
        ordered["blocks"] = {name: {**block, "body": rewritten(block["body"], written)} for name, block in blocks}
    ordered["layers"] = rewritten(spec["layers"], written)
    if "aux" in spec:
        ordered["aux"] = [
            {**head, "layers": rewritten(head["layers"], written)} if "layers" in head else head for head in spec["aux"]
        ]
    return ordered


def count_of(spec: dict[str, Any], kind: str) -> int:
    """Count the members of a type in a file."""
    return sum(member.get("type") == kind for member in _all(spec))


def _of_convolutions(convs: Sequence[Member]) -> dict[str, Any]:
    """Return what most `conv` have, if there are several."""
    section: dict[str, Any] = {}
    for key, unset in SETTINGS.items():
        values = [each.get(key, unset) for each in convs if applies(each, key)]
        given = [value for value in values if not (isinstance(value, str) and value.startswith("$"))]
        if len(convs) > 1 and given:
            most = Counter(given).most_common(1)[0][0]
            if most != unset:
                section[key] = as_number(most) if key.endswith("_name") else most
    return section


def _of_norms(norms: Sequence[Member], convs: Sequence[Member]) -> dict[str, Any]:
    """Return what all batch norms have, those of `conv` too, if that is not what they have anyway."""
    defaults: dict[str, Any] = {}
    for key, unset in _OF_NORMS.items():
        alike = {each.get(key, unset) for each in norms}
        others = {each.get(key, unset) for each in convs if each.get("norm") == "batch"}
        if len(norms) > 1 and len(alike) == 1 and alike != {unset} and others <= alike:
            defaults[key] = alike.pop()
    return defaults


def _written(member: Member, section: Member, defaults: Member) -> Member:
    """Return a `conv` without what the file says for all."""
    kept = dict(member)
    for key, unset in SETTINGS.items():
        default = section.get(key, defaults.get(key, unset))
        default = str(default) if key.endswith("_name") else default
        value = kept.pop(key, unset)
        if value != default and applies(member, key):
            kept[key] = value
    return kept


def _all(spec: dict[str, Any]) -> Iterator[Member]:
    """Yield every member of a file."""
    yield from below(spec["layers"])
    for block in spec.get("blocks", {}).values():
        yield from below(block["body"])
    for head in spec.get("aux", ()):
        yield from below(head.get("layers", []))
