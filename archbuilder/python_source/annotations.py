"""Docstrings, signatures and constants of an exported file."""

import textwrap
from collections.abc import Sequence
from typing import Any

from archbuilder.python_source.definitions import Parameter
from archbuilder.python_source.expressions import MISSING, TorchClass
from archbuilder.python_source.layout import INDENT, Call, Text, listed, prefixed
from archbuilder.python_source.scope import literal

_WIDTH = 113  # of the text of a docstring


def docstring(paragraphs: Sequence[str], indent: int) -> str:
    """Write a docstring; what the paragraphs say is text alone, whatever characters it has."""
    margin = INDENT * indent
    texts = [line for text in paragraphs for line in (textwrap.wrap(text, _WIDTH - len(margin)) or [""])]
    texts = [text.replace("\\", "/").replace('"""', "'''") for text in texts]
    if len(texts) == 1:
        text = texts[0][:-1] + "'" if texts[0].endswith('"') else texts[0]
        return f'{margin}"""{text}"""'
    return "\n".join([f'{margin}"""{texts[0]}', *(f"{margin}{text}".rstrip() for text in texts[1:]), f'{margin}"""'])


def signature(parameters: Sequence[Parameter]) -> Text:
    """Write the first line of a constructor."""
    return Call("def __init__(", ("self", *map(_declared, parameters)), ") -> None:")


def _declared(parameter: Parameter) -> str:
    default = "" if parameter.default is MISSING else f" = {literal(parameter.default)}"
    return f"{parameter.identifier}: {_annotation(parameter)}{default}"


def _annotation(parameter: Parameter) -> str:
    known = [found for found in (*parameter.values, parameter.default) if found is not MISSING]
    kinds = dict.fromkeys(map(_type_of, known))
    if "float" in kinds:
        kinds.pop("int", None)
    order = [kind for kind in kinds if kind != "None"]
    return " | ".join([*order, *(["None"] if "None" in kinds else [])])


def _type_of(found: Any) -> str:
    match found:
        case None:
            return "None"
        case TorchClass():
            return "type[nn.Module]"
        case tuple():
            return f"tuple[{', '.join(map(_type_of, found))}]"
    return type(found).__name__


def constant(key: str, found: Any) -> Text:
    """Write an assignment of a constant: a string, a number, or several in a tuple."""
    if isinstance(found, tuple | list):
        items = [literal(each) for each in found]
        return prefixed(f"{key} = ", listed(items if len(items) != 1 else [f"{items[0]},"], "()"))
    return f"{key} = {literal(found)}"
