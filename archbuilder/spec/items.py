"""Remove or replace items of a list in the text of a spec."""

import re
from collections.abc import Sequence

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.spec.nodes import MappingNode, ScalarNode, location, walk

_COMMENT = re.compile(r"(^|\s)#", re.MULTILINE)


def replace_item(source: Source, node: MappingNode, texts: Sequence[str]) -> str:
    """Return the text with an item of a list replaced by others, or removed if there are none.

    Args:
        source: The text.
        node: The item: a mapping behind a dash, which stands alone on its lines.
        texts: The new items, as YAML without their dashes.

    Raises:
        ArchbuilderError: The item shares its lines with other YAML, or has comments among its keys.
    """
    if node.use is not None and node.use.node is not node:
        raise ArchbuilderError(f"{location(node)}: this layer is used through a YAML alias; edit it by hand")
    text, start = source.text, node.span.start
    end = node.span.end if node.flow or node.use is not None else _end(node)
    line_start = max(text.rfind(break_, 0, start) for break_ in "\r\n") + 1
    line_end = min(at for at in (text.find("\r", end), text.find("\n", end), len(text)) if at >= 0)
    lead, rest = text[line_start:start], text[end:line_end].strip()
    if lead.strip() != "-" or (rest and not rest.startswith("#")):
        raise ArchbuilderError(f"{location(node)}: this layer shares its lines with something else; edit it by hand")
    if _COMMENT.search(text[start:end]):
        raise ArchbuilderError(f"{location(node)}: this layer has comments among its keys; edit it by hand")
    new_line = "\r\n" if "\r\n" in text else "\n"
    if not texts:
        return text[:line_start] + text[line_end:].removeprefix(new_line)
    return text[:start] + f"{new_line}{lead}".join(texts) + text[end:]


def _end(node: MappingNode) -> int:
    """Return the end of the last value of a block mapping, whose own span may include following lines."""
    return max(
        [child.span.end for child in walk(node) if isinstance(child, ScalarNode) or child.flow],
        default=node.span.end,
    )
