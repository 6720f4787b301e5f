"""The `lint:` of a file or a layer: rules that are suppressed there, each with a reason."""

import re

from archbuilder.errors import Problem
from archbuilder.spec.nodes import MappingNode, Node, describe, location, plain

CODE = re.compile("AB[0-9]{3}")


def check_suppressions(node: Node | None, path: str, problems: list[Problem]) -> None:
    """Check the form: codes such as AB104, each with a reason. The linter checks whether the rules exist."""
    if node is None:
        return
    if not isinstance(node, MappingNode):
        message = f"found {describe(node)}, expected rule codes with reasons for suppression: {{AB104: why}}"
        problems.append(Problem(message, location(node), path))
        return
    for code, entry in node.entries.items():
        reason = plain(entry.value)
        if not CODE.fullmatch(code):
            message = f"{code[:40]!r} is not a rule code: AB and three digits, such as AB104"
            problems.append(Problem(message, entry.key_location, f"{path}.{code}"))
        elif not isinstance(reason, str) or not reason.strip():
            message = f"found {describe(entry.value)}, expected the reason as a string"
            problems.append(Problem(message, location(entry.value), f"{path}.{code}"))
