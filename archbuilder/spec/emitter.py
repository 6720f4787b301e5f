"""Write Python data as YAML in the layout of the shipped specs: a layer per line."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import yaml

from archbuilder.errors import ArchbuilderError
from archbuilder.spec.reader import MAXIMUM_DEPTH
from archbuilder.spec.scalars import resolve_scalar

_LARGEST = 10**60  # a longer run of digits is read as text


class _Dumper(yaml.SafeDumper):
    """Quotes a string if it would be read back as another value."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    plain = resolve_scalar(value) == value and value.isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if plain else '"')


_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]  # a value is written where it is used


def to_yaml(values: Mapping[str, Any]) -> str:
    """Write a mapping as YAML: top-level keys in blocks, lists of mappings an item a line.

    Raises:
        ArchbuilderError: A value is not plain data: a mapping, list, text, number, truth value or None.
    """
    if not isinstance(values, Mapping):
        raise ArchbuilderError(f"found a {type(values).__name__}, expected a mapping with the keys of the YAML file")
    lines = []
    for key, value in _plain(values, 0).items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            lines.append(f"{_flow(key)}:")
            lines += [f"  - {_flow(item)}" for item in value]
        else:
            lines.append(f"{_flow(key)}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=2**31, allow_unicode=True)
    return text.removesuffix("...\n").strip()


def _plain(value: Any, depth: int) -> Any:
    """Return a value as the types that YAML has; numbers of other libraries are numbers too."""
    if depth > MAXIMUM_DEPTH:
        raise ArchbuilderError(f"a value nests more than {MAXIMUM_DEPTH} levels deep")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        return {str(_plain(key, depth)): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Integral):
        if abs(int(value)) >= _LARGEST:
            raise ArchbuilderError("an integer of more than 60 digits is not allowed in a spec")
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise ArchbuilderError(f"a value of type {type(value).__name__} is not allowed in a spec")
