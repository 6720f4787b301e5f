"""What a person would write for common groups of layers: `conv`, padding by word, depthwise groups, dense layers."""

from collections.abc import Callable
from typing import Any

from archbuilder.importing.tree import CLASS, INPUT, OUTPUT, Members
from archbuilder.primitives import MERGES
from archbuilder.primitives.window import half

Member = dict[str, Any]
IN_CHANNELS = "$in_channels"


def is_fork(member: Member) -> bool:
    """Return whether a member is a fork."""
    return any(merge in member for merge in MERGES)


def merge_of(member: Member) -> str:
    """Return the merge of a fork; an empty string for another member."""
    return next((merge for merge in MERGES if merge in member), "")


def rewritten(members: Members, change: Callable[[Member], Member]) -> Members:
    """Return members with a change made to each, those inside first."""
    return [change(_inside(member, lambda inner: rewritten(inner, change))) for member in members]


def _inside(member: Member, change: Callable[[Members], Members]) -> Member:
    if "sequence" in member:
        return {**member, "sequence": change(member["sequence"])}
    merge = merge_of(member)
    if merge:
        return {**member, merge: [change(each) if isinstance(each, list) else each for each in member[merge]]}
    return member


def with_idioms(members: Members, *, conv: bool = True) -> Members:
    """Return members with the idioms of the language in place of their parts.

    Args:
        members: The members.
        conv: Whether modules become `conv`.
    """
    simple = rewritten(members, _simple)
    return rewritten(simple, _as_conv) if conv else simple


# -- single layers -----------------------------------------------------------------------------------------------------


def _simple(member: Member) -> Member:
    """Write padding by word where it keeps the size, and groups and outputs of depthwise convolutions by the input."""
    if member.get("type") not in ("convolution", "max_pool", "avg_pool"):
        return member
    member = dict(member)
    kernel = _pair(member["kernel"])
    if member.get("padding") is not None and not isinstance(member["padding"], str):
        dilation = _pair(member.get("dilation", 1)) if member["type"] == "convolution" else (1, 1)
        if not _is_nested(member["padding"]) and _pair(member["padding"]) == half(kernel, dilation):
            member["padding"] = "half"
    channels = member.get(INPUT)
    if member["type"] == "convolution" and member.get("groups", 1) > 1 and member["groups"] == channels:
        member["groups"] = IN_CHANNELS
        if member["out"] == channels:
            member["out"] = IN_CHANNELS
    return member


def _is_nested(padding: Any) -> bool:
    return isinstance(padding, list) and any(isinstance(each, list) for each in padding)


def _pair(value: Any) -> tuple[int, int]:
    return (value[0], value[1]) if isinstance(value, list | tuple) else (value, value)


def numbered_padding(member: Member) -> Member:
    """Return a layer with its padding as a number where that is `half` of a kernel that is known."""
    kernel, dilation = member.get("kernel"), member.get("dilation", 1)
    changing = {
        **member.get("first", {}),
        **{k: v for each in member.get("overrides", {}).values() for k, v in each.items()},
    }
    known = isinstance(kernel, int | list) and not isinstance(dilation, str)
    if member.get("padding") != "half" or not known or {"kernel", "dilation"} & set(changing):
        return member
    tall, wide = half(_pair(kernel), _pair(dilation))
    return {**member, "padding": tall if tall == wide else [tall, wide]}


# -- conv --------------------------------------------------------------------------------------------------------------

_NORMS = {"batch_norm": "batch", "group_norm": "group"}
_OF_CONVOLUTION = ("out", "kernel", "stride", "padding", "dilation", "groups")


def _as_conv(member: Member) -> Member:
    """Return a module that is a convolution, its norm and its activation as `conv`; another member as it is."""
    inner = member.get("sequence")
    if not inner or not 2 <= len(inner) <= 3 or any("from" in each for each in inner):
        return member
    types = [each.get("type", "") for each in inner]
    norm = _NORMS.get(types[1], "none")
    activated = types[-1] == "activation" and len(inner) == 2 + (norm != "none")
    if (
        types[0] != "convolution"
        or (norm == "none" and not activated)
        or len(inner) != 1 + (norm != "none") + activated
    ):
        return member
    first, second, last = inner[0], inner[1], inner[-1]
    if set(first) - {"name", "type", INPUT, OUTPUT, "bias", *_OF_CONVOLUTION}:
        return member
    if norm != "none" and set(second) - {"name", "type", INPUT, OUTPUT, "eps", "momentum", "groups"}:
        return member
    if activated and (set(last) - {"name", "type", INPUT, OUTPUT, "function"} or last.get("function") == "prelu"):
        return member
    conv: Member = {key: member[key] for key in ("name", "from") if key in member} | {"type": "conv"}
    conv |= {key: first[key] for key in _OF_CONVOLUTION if key in first}
    conv |= {"norm": norm, "activation": last.get("function", "relu") if activated else "none"}
    if norm != "none":
        conv |= {"eps": second.get("eps", 1e-5)}
        conv |= {"momentum": second.get("momentum", 0.1)} if norm == "batch" else {"norm_groups": second["groups"]}
        conv |= {"norm_name": second["name"]}
    if first.get("bias", True) != (norm == "none"):
        conv["bias"] = first.get("bias", True)
    conv["conv_name"] = first["name"]
    return {**conv, INPUT: member[INPUT], OUTPUT: member[OUTPUT]}


SETTINGS = {"norm": "none", "activation": "relu", "eps": 1e-5, "momentum": 0.1, "conv_name": "conv", "norm_name": "bn"}
"""The keys of `conv` that a file may set for all, with the values that they have if nobody does."""


def applies(member: Member, key: str) -> bool:
    """Return whether a key of the settings means something for a `conv`."""
    if key in ("eps", "norm_name"):
        return bool(member.get("norm") != "none")
    return bool(member.get("norm") == "batch") if key == "momentum" else True


# -- dense layers and residuals around a module ------------------------------------------------------------------------


def absorbed(members: Members) -> Members:
    """Move forks of the identity and one module into that module, where neighbors are such forks, too.

    So a list of dense layers, or of residuals around modules, is a list of modules that repeat.
    """
    members = [_inside(member, absorbed) for member in members]
    classes = [_around(member) for member in members]
    return [_absorbed(m) if own and classes.count(own) > 1 else m for m, own in zip(members, classes, strict=True)]


def _around(member: Member) -> str:
    """Return the class of the module that is all of a fork but for the identity; an empty string without one."""
    merge = merge_of(member)
    if not merge or "split" in member or "name" in member or "from" in member:
        return ""
    full = [branch for branch in member[merge] if branch != []]
    if len(member[merge]) != 2 or len(full) != 1 or not isinstance(full[0], list) or len(full[0]) != 1:
        return ""
    module = full[0][0]
    own = module.get(CLASS, "") if "sequence" in module and "from" not in module else ""
    return "" if own in ("Sequential", "ModuleList") else str(own)


def _absorbed(member: Member) -> Member:
    merge = merge_of(member)
    module = next(branch[0] for branch in member[merge] if branch)
    fork = {merge: [module["sequence"] if branch else [] for branch in member[merge]], INPUT: member[INPUT]}
    return {**module, "sequence": [{**fork, OUTPUT: member[OUTPUT]}], OUTPUT: member[OUTPUT]}
