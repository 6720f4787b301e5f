"""Python data written as YAML in the layout of the shipped specs: a layer a line."""

from collections.abc import Mapping
from typing import Any

import yaml

from archbuilder.spec.scalars import resolve_scalar


class _Dumper(yaml.SafeDumper):
    """Writes a text in quotes where reading it back would give something else."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = None if resolve_scalar(value) == value else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_Dumper.ignore_aliases = lambda self, data: True  # type: ignore[method-assign]  # a value is written where it is used


def to_yaml(values: Mapping[str, Any]) -> str:
    """Write a mapping as YAML: top-level keys in blocks, lists of mappings an item a line."""
    lines = []
    for key, value in values.items():
        if isinstance(value, list | tuple) and value and all(isinstance(item, Mapping) for item in value):
            lines.append(f"{_flow(key)}:")
            lines += [f"  - {_flow(dict(item))}" for item in value]
        else:
            lines.append(f"{_flow(key)}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text = yaml.dump(
        _plain(value), Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=2**31, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
