"""Items of a list in a spec's text: taken away, or others put in their place."""

from collections.abc import Sequence

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.spec.nodes import Mapping, location


def replace_item(source: Source, node: Mapping, texts: Sequence[str]) -> str:
    """Give the text with an item of a list replaced by others, or taken away where there are none.

    Args:
        source: The text.
        node: The item: a mapping behind a dash, which stands alone on its lines.
        texts: The new items, as YAML without their dashes.

    Raises:
        ArchbuilderError: The item shares its lines with something else.
    """
    text, start = source.text, node.span.start
    line_start = text.rfind("\n", 0, start) + 1
    end = node.span.end
    while end > start and text[end - 1] in " \t\r\n":
        end -= 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    lead, rest = text[line_start:start], text[end:line_end].strip()
    if lead.strip() != "-" or (rest and not rest.startswith("#")):
        raise ArchbuilderError(f"{location(node)}: this layer shares its line with others; change it yourself")
    if not texts:
        return text[:line_start] + text[line_end + 1 :]
    return text[:start] + f"\n{lead}".join(texts) + text[end:]
