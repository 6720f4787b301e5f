"""Create a spec as a copy of a shipped one."""

from archbuilder.errors import Source
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.header import LONGEST_NAME
from archbuilder.spec.nodes import MappingNode, ScalarNode
from archbuilder.spec.reader import read_yaml


def renamed(text: str, name: str) -> str:
    """Return a spec's text with another network name, cut to the longest allowed; nothing else changes."""
    root = read_yaml(Source("<spec>", text), [])
    assert isinstance(root, MappingNode)
    node = root.get("name")
    written = to_yaml({"name": name[:LONGEST_NAME]}).removeprefix("name: ").rstrip("\n")
    if isinstance(node, ScalarNode):
        return text[: node.span.start] + written + text[node.span.end :]
    first = next(iter(root.entries.values())).key_span.start
    return f"{text[:first]}name: {written}\n{text[first:]}"
