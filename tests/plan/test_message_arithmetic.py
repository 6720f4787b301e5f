"""Numbers in messages: whatever is wrong with a spec, the op that is named gives the channels that are said."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from archbuilder.errors import Source
from archbuilder.plan.planner import run_planning
from archbuilder.plan.planning import Planning
from archbuilder.spec.document import read_spec
from archbuilder.spec.emitter import to_yaml

_SAYS = re.compile(r"(\S+|the \w+) \((?:line \d+|\S+:\d+)\) outputs ((?:\d+ \+ )*\d+)(?: = (\d+))?$")

_widths = st.sampled_from([4, 6, 8, 12, "$in", "$w"])


@st.composite
def _convs(draw: st.DrawFn) -> dict[str, Any]:
    layer = {"type": draw(st.sampled_from(["conv", "convolution"])), "out": draw(_widths), "kernel": 1}
    if draw(st.booleans()):
        layer["groups"] = draw(st.sampled_from([1, 2, 4, 5, "$w", "$in"]))
    if draw(st.booleans()):
        layer["in"] = draw(st.sampled_from([4, 8, 12, 20]))
    return layer


_LEAVES: st.SearchStrategy[Any] = _convs() | st.sampled_from(
    [
        {"type": "channel_shuffle", "groups": 4},
        {"type": "group_norm", "groups": 3},
        {"type": "rescale", "scale": [1.0, 2.0]},
        {"type": "identity"},
        {"type": "max_pool", "kernel": 2},
        {"type": "inner", "w": 4},
    ]
)


def _containers(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(members, min_size=0, max_size=3)
    branches = st.lists(lists, min_size=1, max_size=3)
    forks = st.sampled_from(["concat", "add"]).flatmap(lambda word: st.builds(lambda b: {word: b}, branches))
    return forks | st.builds(lambda inner: {"sequence": inner}, lists)


_MEMBERS: st.SearchStrategy[Any] = st.recursive(_LEAVES, _containers, max_leaves=6)


@st.composite
def broken_specs(draw: st.DrawFn) -> str:
    body = draw(st.lists(_MEMBERS, min_size=1, max_size=4))
    inner = draw(st.lists(_convs(), min_size=1, max_size=2))
    for position, member in enumerate(body):
        if draw(st.booleans()):
            body[position] = member | {"name": f"m{position}"}
    last: list[dict[str, Any]] = [{"name": "last", "type": "convolution", "out": 8, "kernel": 1, "groups": 7}]
    stages = [{"name": f"s{n}", "type": "outer", "w": draw(st.sampled_from([4, 8]))} for n in range(2)]
    taken = [{"name": "taken", "type": "identity", "from": ["stem", "s0"]}] if draw(st.booleans()) else []
    stem = [{"name": "stem", "type": "conv", "out": 8, "kernel": 1}]
    parameters = {"w": "width"}
    blocks = {"outer": {"parameters": parameters, "body": body}, "inner": {"parameters": parameters, "body": inner}}
    header: dict[str, Any] = {"input": {"channels": 3, "height": 8, "width": 8}, "classes": 4}
    conv: dict[str, Any] = {"conv": {"norm": "group", "norm_groups": 4}} if draw(st.booleans()) else {}
    return to_yaml(header | conv | {"blocks": blocks, "layers": [*stem, *stages, *taken, *last]})


@given(broken_specs())
@settings(max_examples=60)
def test_every_sum_is_true_and_of_the_op_that_is_named(text: str) -> None:
    document, problems = read_spec(Source("mine.yaml", text))
    assert not problems
    planning = Planning(document)
    run_planning(planning)
    outputs: dict[str, set[int]] = {}
    for op in planning.ops.all:
        parts = op.name.split(".")
        for end in range(1, len(parts) + 1):
            outputs[".".join(parts[:end])] = {op.output_shape[0]}  # a scope gives what its last op gives
        if parts[-1].startswith("("):  # one without a name of its own: any of its kind
            outputs.setdefault(f"the {parts[-1].strip('()0123456789_-')}", set()).add(op.output_shape[0])
    for problem in planning.diagnostics.problems:
        for note in problem.notes:
            if " outputs " not in note:
                continue
            said = _SAYS.fullmatch(note)
            assert said is not None, note
            total = int(said[3] or said[2])
            assert sum(map(int, said[2].split(" + "))) == total, note
            assert total in outputs[said[1]], (note, outputs)
            incoming = {int(number) for number in re.findall(r"\d+", problem.message)}
            assert total in incoming, (note, problem.message)
