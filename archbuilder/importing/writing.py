"""Write an imported network as a spec, in the layout of the shipped ones: a layer a line."""

from typing import Any

from archbuilder.importing.blocks import lists_in
from archbuilder.importing.idioms import is_fork, merge_of, numbered_padding
from archbuilder.importing.tree import Members
from archbuilder.importing.unify import ALONE
from archbuilder.primitives import MERGES
from archbuilder.spec.emitter import _flow
from archbuilder.spec.names import is_pattern

Member = dict[str, Any]
_WIDEST = 118
_WIDEST_LAYER = 150  # a layer stays on its line, as in a table


def spec_text(spec: dict[str, Any], comment: str = "") -> str:
    """Return the YAML of a spec.

    Args:
        spec: The spec, as the mapping that the file is.
        comment: The comment at the top, a line or several.
    """
    lines = [f"# {line}" for line in comment.splitlines()]
    for key, value in spec.items():
        if key == "blocks":
            lines += ["", "blocks:"]
            for name, block in value.items():
                lines += [f"  {name}:", *_block(block)]
        elif key in ("layers", "aux"):
            lines += ["", f"{key}:", *_list(value, 2)]
        else:
            lines.append(f"{key}: {_flow(value)}")
    return "\n".join(lines) + "\n"


def _block(block: dict[str, Any]) -> list[str]:
    lines = []
    if "description" in block:
        lines.append(f"    description: {_flow(block['description'])}")
    if "parameters" in block:
        flow = f"    parameters: {_flow(block['parameters'])}"
        if len(flow) <= _WIDEST:
            lines.append(flow)
        else:
            lines.append("    parameters:")
            lines += [f"      {_flow(key)}: {_flow(value)}" for key, value in block["parameters"].items()]
    return [*lines, "    body:", *_list(block["body"], 6)]


def _list(members: Members, indent: int) -> list[str]:
    lines: list[str] = []
    for member in members:
        lines += _member(member, indent)
    return lines


def _member(member: Member, indent: int, dash: str = "- ") -> list[str]:
    """Return the lines of a member: one, if it fits and holds nothing nested twice."""
    flow = _flow(member)
    room = (_WIDEST if lists_in(member) or member.get("layers") else _WIDEST_LAYER) - indent - len(dash)
    inner = sum(1 for each in lists_in(member) for _ in each) + len(member.get("layers", []))
    if len(flow) <= room and (inner <= 2 or not any(lists_in(each) for branch in lists_in(member) for each in branch)):
        return [f"{' ' * indent}{dash}{flow}"]
    lines: list[str] = []
    for key, value in member.items():
        pad = " " * indent + (dash if not lines else " " * len(dash))
        if key in ("sequence", "layers"):
            lines += [f"{pad}{key}:", *_list(value, indent + len(dash) + 2)]
        elif key == merge_of(member):
            lines += [f"{pad}{key}:", *_branches(value, indent + len(dash) + 2)]
        elif isinstance(value, dict) and len(f"{pad}{key}: {_flow(value)}") > _WIDEST:
            lines.append(f"{pad}{key}:")
            lines += [f"{' ' * (indent + len(dash) + 2)}{_flow(k)}: {_flow(v)}" for k, v in value.items()]
        else:
            lines.append(f"{pad}{key}: {_flow(value)}")
    return lines


def _branches(branches: Any, indent: int) -> list[str]:
    lines: list[str] = []
    named = branches.items() if isinstance(branches, dict) else ((None, branch) for branch in branches)
    for name, branch in named:
        start = f"{' ' * indent}{f'{_flow(name)}: ' if name is not None else '- '}"
        flow = _flow(branch)
        simple = not isinstance(branch, list) or len(branch) <= 1 or name is not None
        nested = isinstance(branch, list) and any(lists_in(each) for each in branch)
        if len(start) + len(flow) <= _WIDEST and simple and not nested:
            lines.append(start + flow)
        elif name is not None:
            lines += [start.rstrip(), *_list(branch, indent + 2)]
        else:
            inner = _list(branch, indent + 2)
            lines += [f"{' ' * indent}- {inner[0].strip()}", *inner[1:]]
    return lines


# -- names that need not be written ------------------------------------------------------------------------------------


def tidied(members: Members, *, top: bool = False, numbered: bool = True) -> Members:
    """Return members without private keys, and without names that they have anyway.

    Args:
        members: The members.
        top: Whether they are the layers of the file, which keep their names.
        numbered: Whether members without a name are numbered by their position.
    """
    used = {name for member in members for name in _references(member)}
    result: Members = []
    position = 0
    counted = numbered and not top  # until something stands there only sometimes
    for member in members:
        kept = {key: value for key, value in member.items() if not key.startswith("(")}
        if "sequence" in kept:
            kept["sequence"] = tidied(kept["sequence"])
        merge = merge_of(kept)
        if merge:
            kept[merge] = [_branch(branch) for branch in kept[merge]]
            kept = _named_branches(kept, merge)
        name = str(kept.get("name", ""))
        pattern = is_pattern(name)
        if counted and name not in used and type(kept.get("repeat", 1)) is int:
            automatic = f"{{{position or ''}}}" if pattern else str(position)
            if name == automatic and pattern == ("repeat" in kept):
                kept.pop("name")
        for key in ("name", "conv_name", "norm_name"):
            if key in kept:
                kept[key] = as_number(kept[key])
        counted = counted and "when" not in kept and type(kept.get("repeat", 1)) is int
        position += kept["repeat"] if pattern and isinstance(kept.get("repeat"), int) else 1
        kept = numbered_padding(kept) if "padding" in kept else kept
        result.append({key: kept[key] for key in sorted(kept, key=_place)})
    return result


_ORDER = (
    "name", "from", "type", "when", "repeat", "out", "kernel", "stride", "padding", "dilation", "groups", "bias",
    "norm", "norm_groups", "activation", "eps", "momentum", "conv_name", "norm_name", "activation_name",
)  # fmt: skip
_LAST = ("first", "overrides", "split", "sequence", *MERGES)


def as_number(name: Any) -> Any:
    """Return a name as a spec has it without quotes."""
    return int(name) if isinstance(name, str) and name.isdecimal() and str(int(name)) == name else name


def _place(key: str) -> tuple[int, int]:
    """Return where a key stands among those of its member."""
    if key in _ORDER:
        return 0, _ORDER.index(key)
    return (2, _LAST.index(key)) if key in _LAST else (1, 0)


def _branch(branch: Any) -> Any:
    """Return a branch as it is written: a name, a list, or a member alone whose condition removes the branch."""
    if not isinstance(branch, list):
        return branch
    written = tidied(branch, numbered=False)
    return written[0] if branch and ALONE in branch[0] else written


def _references(member: Member) -> list[str]:
    given = member.get("from", [])
    names = [given] if isinstance(given, str) else list(given)
    merge = merge_of(member)
    return names + [branch for branch in member.get(merge, []) if isinstance(branch, str)] if merge else names


def _named_branches(member: Member, merge: str) -> Member:
    """Return a fork whose branches are a mapping, where each is one named module or layer."""
    branches = member[merge]
    if len(branches) < 2 or not all(isinstance(b, list) and len(b) == 1 and "name" in b[0] for b in branches):
        return member
    named: dict[str, Any] = {}
    for (only,) in branches:
        rest = {key: value for key, value in only.items() if key != "name"}
        if "repeat" in rest or "when" in rest or is_fork(rest) or set(rest) & {"from"}:
            return member
        if "sequence" in rest:
            if set(rest) != {"sequence"} or (len(rest["sequence"]) == 1 and "name" not in rest["sequence"][0]):
                return member
            named[only["name"]] = rest["sequence"]
        else:
            named[only["name"]] = [rest]
    return {**member, merge: named} if len(named) == len(branches) else member
