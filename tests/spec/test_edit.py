"""Widths are set in the text itself: the numbers change, and nothing else does."""

import re
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, SpecError, load
from archbuilder.errors import Span
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.spec.nodes import MappingNode, ScalarNode, SequenceNode
from archbuilder.spec.sources import shipped_names

HEADER = "name: mine\ninput: {channels: 3, height: 8, width: 8}\nclasses: 10\nlayers:\n"
END = (
    "  - {name: pool, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 10}\n"
)


def spec_of(*layers: str, newline: str = "\n", start: str = "") -> NetworkSpec:
    text = start + HEADER + "".join(f"  - {layer}\n" for layer in layers) + END
    return NetworkSpec.from_text(text.replace("\n", newline), "mine.yaml")


def numbers(spec: NetworkSpec) -> list[Span]:
    """Give the places of the text that may change: the widths that are written, and the declared inputs."""
    plan = spec.plan()
    nodes = [
        width.node.entries[width.key].value
        for width in plan.searchable_widths.values()
        if width.key in width.node.entries
    ]
    nodes += [declared.node.entries["in"].value for declared in plan.declared_inputs]
    assert all(node.source is spec.document.source for node in nodes)
    return sorted({node.span for node in nodes})


def written(spec: NetworkSpec) -> set[str]:
    """Give the names of the widths that the text has; the others are defaults of their blocks."""
    return {name for name, width in spec.searchable_widths.items() if width.key in width.node.entries}


def without_new(edited: NetworkSpec, spec: NetworkSpec) -> str:
    """Give an edited text without the keys that the edit wrote beside those that were there."""
    entries = {
        id(width.node.entries[width.key]): width
        for width in edited.searchable_widths.values()
        if width.key in width.node.entries
    }
    new = [width for width in entries.values() if width.name not in written(spec)]
    text = edited.text
    for width in sorted(new, key=lambda width: width.node.entries[width.key].key_span, reverse=True):
        entry = width.node.entries[width.key]
        before = re.search(r"(?:, |\n *)$", text[: entry.key_span.start])
        assert before, text
        assert text[entry.key_span.start : entry.value.span.end] == f"{width.key}: {width.value}"
        text = text[: before.start()] + text[entry.value.span.end :]
    return text


def frame(text: str) -> str:
    """Give a text with a mark in the place of each number of it that may change."""
    for start, end in reversed(numbers(NetworkSpec.from_text(text))):
        text = f"{text[:start]}§{text[end:]}"
    return text


def check_edit(spec: NetworkSpec, widths: dict[str, int]) -> NetworkSpec:
    edited = spec.set(widths)
    assert edited.widths == {**spec.widths, **widths}
    assert written(edited) == written(spec) | {name for name in widths if widths[name] != spec.widths[name]}
    assert frame(without_new(edited, spec)) == frame(spec.text)
    for declared in edited.plan().declared_inputs:
        node = declared.node.entries["in"].value
        assert isinstance(node, ScalarNode)
        assert node.value == declared.channels
        assert edited.text[slice(*node.span)] == str(declared.channels)
    again = NetworkSpec.from_text(edited.text)
    assert again.widths == edited.widths
    assert (again.plan().macs, again.plan().parameters) == (edited.plan().macs, edited.plan().parameters)
    assert again.plan().head_parameters == edited.plan().head_parameters
    return edited


def check_undone(edited: NetworkSpec, spec: NetworkSpec) -> None:
    """Set the widths back: what was written anew stays, and the rest is the text that it was."""
    back = edited.set(spec.widths)
    assert back.widths == spec.widths
    assert without_new(back, spec) == spec.text


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_a_shipped_spec_with_the_widths_it_has_is_the_same_text(name: str) -> None:
    spec = load(name)
    assert spec.set({}).text == spec.text
    assert spec.set(spec.widths).text == spec.text


WHOLE = [name for name in shipped_names("specs") if not re.search("^extends:", load(name).text, re.MULTILINE)]
"""Specs of one file. In others a change of what is extended is written into `extends`."""


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_the_numbers_of_a_shipped_spec_change(data: st.DataObject) -> None:
    spec = load(data.draw(st.sampled_from(WHOLE)))
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.widths)), min_size=1, max_size=8, unique=True))
    # Some blocks halve their widths, those of RegNet have groups of 8.
    edited = check_edit(spec, {name: 8 * data.draw(st.integers(1, 190)) for name in chosen})
    assert re.sub(r"\d+", "", without_new(edited, spec)) == re.sub(r"\d+", "", spec.text)
    check_undone(edited, spec)


@given(specs(), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_the_numbers_of_a_random_spec_change(values: dict[str, Any], data: st.DataObject) -> None:
    spec = NetworkSpec.from_dict(values)
    if not spec.widths:
        return
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.widths)), min_size=1, unique=True))
    check_undone(check_edit(spec, {name: data.draw(st.integers(1, 20)) for name in chosen}), spec)


@given(nested_specs(), st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_widths_in_blocks_forks_and_heads_are_set_or_refused_as_the_plan_says(
    values: dict[str, Any], data: st.DataObject
) -> None:
    spec = NetworkSpec.from_dict(values)
    assume(spec.widths)
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.widths)), min_size=1, unique=True))
    widths = {name: data.draw(st.integers(1, 9)) for name in chosen}
    if try_plan(spec.document, widths)[0] is None:  # a residual does not fit, or groups do not divide
        with pytest.raises(SpecError, match="error"):
            spec.set(widths)
    else:
        check_undone(check_edit(spec, widths), spec)


def test_a_change_is_seen_by_every_declared_input_after_it() -> None:
    smaller = load("googlenet").set({"inception4a.3x3": 200})
    before, after = load("googlenet").text.splitlines(), smaller.text.splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [re.findall(r"name: (\w+)", new)[0] for _, new in changed] == ["inception4a", "inception4b"]
    assert "in: 504, 1x1: 160" in changed[1][1]


# -- layouts -----------------------------------------------------------------------------------------------------------


def test_comments_and_layout_stay() -> None:
    spec = spec_of(
        "# the stem\n    {name: c1,  type: conv, out:   16 ,kernel: 1} # wide 漢",
        "\n    name: c2\n    type: conv\n    in: 16   # from c1\n    out: 8\n    kernel: 1\n",
        "{name: c3, type: conv, in:\n      8, out: 9, kernel: 1}",
    )
    edited = check_edit(spec, {"c1.out": 7, "c2.out": 12345})
    assert "out:   7 ,kernel: 1} # wide 漢\n" in edited.text
    assert "    in: 7   # from c1\n    out: 12345\n" in edited.text
    assert "in:\n      12345, out: 9" in edited.text


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "# 漢字 😀\n"])
def test_line_ends_and_byte_order_marks_stay(newline: str, start: str) -> None:
    spec = spec_of("{name: c1, type: conv, out: 16, kernel: 1}", newline=newline, start=start)
    edited = check_edit(spec, {"c1.out": 5})
    assert edited.text == spec.text.replace("out: 16", "out: 5")


@pytest.mark.parametrize("written", ["1_6", "0x10", "+16", "016"])
def test_a_number_stays_as_it_is_written_unless_it_changes(written: str) -> None:
    spec = spec_of(f"{{name: c1, type: conv, out: {written}, kernel: 1}}", "{name: c2, type: conv, out: 3, kernel: 1}")
    assert f"out: {written}," in check_edit(spec, {"c2.out": 5}).text
    assert "out: 17," in check_edit(spec, {"c1.out": 17}).text


def test_what_is_worked_out_is_no_width() -> None:
    spec = spec_of(
        "{name: c1, type: conv, out: $in * 2, kernel: 1}", "{name: c2, type: conv, out: 4, in: 6, kernel: 1}"
    )
    assert list(spec.widths) == ["c2.out"]
    assert "out: 9, in: 6" in check_edit(spec, {"c2.out": 9}).text


# -- anchors -----------------------------------------------------------------------------------------------------------

ALIASED = ("{name: c1, type: conv, out: &w 16, kernel: 1}", "{name: c2, type: conv, in: *w, out: *w, kernel: 1}")


def test_an_alias_stays_while_both_are_the_same() -> None:
    spec = spec_of(*ALIASED)
    assert spec.set({}).text == spec.text
    assert spec.set({"c1.out": 5, "c2.out": 5}).text == spec.text.replace("&w 16", "&w 5")


@pytest.mark.parametrize(
    ("widths", "first", "second"),
    [
        ({"c1.out": 5}, "out: &w 5,", "in: *w, out: 16,"),
        ({"c2.out": 5}, "out: &w 16,", "in: *w, out: 5,"),
        ({"c1.out": 5, "c2.out": 6}, "out: &w 5,", "in: *w, out: 6,"),
    ],
)
def test_an_alias_is_written_out_where_it_differs(widths: dict[str, int], first: str, second: str) -> None:
    spec = spec_of(*ALIASED)
    edited = spec.set(widths)
    assert edited.widths == {**spec.widths, **widths}
    assert first in edited.text
    assert second in edited.text


MERGED = ("&b {name: c1, type: conv, out: 8, kernel: 1}", "{<<: *b, name: c2}")
BOTH_MERGED = ("{<<: &b {type: conv, out: 8, kernel: 1}, name: c1}", "{<<: *b, name: c2}")


@pytest.mark.parametrize(
    ("layers", "widths", "first", "second"),
    [
        (MERGED, (5, 8), "&b {name: c1, type: conv, out: 5, kernel: 1}", "{<<: *b, name: c2, out: 8}"),
        (MERGED, (8, 5), MERGED[0], "{<<: *b, name: c2, out: 5}"),
        (MERGED, (5, 5), "&b {name: c1, type: conv, out: 5, kernel: 1}", MERGED[1]),  # it follows
        (MERGED, (5, 6), "&b {name: c1, type: conv, out: 5, kernel: 1}", "{<<: *b, name: c2, out: 6}"),
        (BOTH_MERGED, (5, 8), "{<<: &b {type: conv, out: 8, kernel: 1}, name: c1, out: 5}", BOTH_MERGED[1]),
        (BOTH_MERGED, (8, 5), BOTH_MERGED[0], "{<<: *b, name: c2, out: 5}"),
        (BOTH_MERGED, (5, 6), BOTH_MERGED[0].replace("c1", "c1, out: 5"), "{<<: *b, name: c2, out: 6}"),
    ],
)
def test_a_number_that_is_merged_is_written_out_where_it_differs(
    layers: tuple[str, str], widths: tuple[int, int], first: str, second: str
) -> None:
    edited = spec_of(*layers).set({"c1.out": widths[0], "c2.out": widths[1]})
    assert edited.widths == {"c1.out": widths[0], "c2.out": widths[1]}
    assert edited.text == spec_of(first, second).text


def test_a_layer_that_is_all_merged() -> None:
    spec = spec_of("&b {type: conv, out: 8, kernel: 1}", "&c {<<: *b}")
    assert spec.set({"1.out": 5}).text == spec_of("&b {type: conv, out: 8, kernel: 1}", "&c {out: 5, <<: *b}").text


def test_an_alias_that_is_no_width_does_not_follow() -> None:
    spec = spec_of("{name: c1, type: conv, out: &w 3, kernel: *w, padding: 1}")
    edited = spec.set({"c1.out": 5})
    assert edited.text == spec.text.replace("&w 3, kernel: *w", "&w 5, kernel: 3")


REUSED = {
    "a layer": ("&u {type: conv, out: 8, kernel: 1}", "*u"),
    "a layer in blocks": ("&u\n    type: conv\n    out: 8\n    kernel: 1", "*u"),
    "a branch of one layer": ("{name: m, concat: {a: &u {type: conv, out: 8, kernel: 1}, b: *u}}",),
    "a branch": ("{name: m, concat: {a: &u [{type: conv, out: 8, kernel: 1}, {type: identity}], b: *u}}",),
    "all branches": ("{name: m, concat: &u [[{name: x, type: conv, out: 8, kernel: 1}]]}", "{name: n, concat: *u}"),
    "a sequence": ("{name: s, sequence: &u [{type: conv, out: 8, kernel: 1}]}", "{name: t, sequence: *u}"),
    "a merged sequence": ("&u {name: s, sequence: [{type: conv, out: 8, kernel: 1}]}", "{<<: *u, name: t}"),
    "what is merged of two": (
        "{<<: &u {sequence: [{type: conv, out: 8, kernel: 1}]}, name: s}",
        "{<<: [&v {name: t}, *u, {name: r, sequence: []}]}",
    ),
    "an alias in what is aliased": (
        "{name: s, sequence: &u [&v {type: conv, out: 8, kernel: 1}, {add: {one: *v}}]}",
        "{name: t, sequence: *u}",
    ),
    "overrides": ("{name: r, type: conv, out: 8, kernel: 1, repeat: 3, overrides: {0: &o {out: 8}, 1: *o}}",),
    "a layer with overrides": ("&r {type: conv, out: 8, kernel: 1, repeat: 2, overrides: {1: {out: 8}}}", "*r"),
    "layers with an in": ("{concat: [[&u {type: conv, in: 3, out: 8, kernel: 1}], [*u]]}",),
}
"""What is written once and stands at several places, of which each has a width of its own."""


@pytest.mark.parametrize("place", REUSED)
def test_every_place_has_a_width_of_its_own(place: str) -> None:
    spec = spec_of(*REUSED[place])
    names = list(spec.widths)
    assert len(names) == len(spec_without_aliases(spec).searchable_widths) >= 2
    different = dict(zip(names, range(5, 20), strict=False))
    for widths in [*({name: 5} for name in names), different, dict.fromkeys(names, 6)]:
        edited = spec.set(widths)
        assert edited.widths == {**spec.widths, **widths}
        assert facts_of(edited.plan()) == facts_of(spec_without_aliases(spec).set(widths).plan())
        assert edited.set(spec.widths).widths == spec.widths
    if place != "what is merged of two":  # there what is written inside a merge key is written out
        assert edited.text.replace(" 6", " 8") == spec.text  # an alias follows what it names


def facts_of(plan: Plan) -> list[Any]:
    return [(op.name, op.input_shapes, op.output_shape) for op in plan.ops]


def spec_without_aliases(spec: NetworkSpec) -> NetworkSpec:
    return NetworkSpec.from_text(spec.document.written_out)


def test_only_what_differs_is_written_out() -> None:
    spec = spec_of(*REUSED["a layer"])
    assert spec.set({"1.out": 5}).text == spec.text.replace("- *u", "- {<<: *u, out: 5}")
    spec = spec_of(*REUSED["a branch"])
    branch = "[{type: conv, out: 5, kernel: 1}, {type: identity}]"
    assert spec.set({"m.b.0.out": 5}).text == spec.text.replace("*u", branch)
    spec = spec_of(*REUSED["a merged sequence"])
    layer = "sequence: [{type: conv, out: 5, kernel: 1}]"
    assert spec.set({"t.0.out": 5}).text == spec.text.replace("name: t", f"name: t, {layer}")


def test_an_error_at_an_alias_says_where_it_is_used() -> None:
    layers = ("&u {type: conv, in: 3, out: 8, kernel: 1}", "{type: identity}", "*u")
    with pytest.raises(SpecError, match="declares 3 input channels, but the input has 8") as refused:
        spec_of(*layers)
    [problem] = refused.value.problems
    assert problem.path == "layers.2.in"
    assert "\n  used on line 7" in str(problem)


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_a_width_that_does_not_exist() -> None:
    with pytest.raises(SpecError, match=r"^inception4a\.3x3d: inception has no key '3x3d'; did you mean 3x3"):
        load("googlenet").set({"inception4a.3x3d": 3})


def test_the_last_layer_is_no_width() -> None:
    with pytest.raises(
        SpecError, match=r"^fc\.out is computed, as \$classes \(shipped googlenet\.yaml:39:45\): it cannot be set"
    ):
        load("googlenet").set({"fc.out": 1000})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "found 0, expected at least 1"),
        (-1, "found -1, expected at least 0"),
        (10**9, "expected at most 1,000,000"),
    ],
)
def test_a_width_that_is_none(value: Any, message: str) -> None:
    spec = spec_of("{name: c1, type: conv, out: 16, kernel: 1}")
    with pytest.raises(SpecError, match=rf"mine\.yaml:5:33  layers\.c1\.out\n(.*\n)*.*{message}"):
        spec.set({"c1.out": value})


@pytest.mark.parametrize(
    ("value", "found"), [(1.5, "1.5"), (8.0, "8.0"), (True, "true"), ("8", "the string '8'"), (None, "nothing")]
)
def test_a_width_that_is_no_whole_number(value: Any, found: str) -> None:
    spec = spec_of("{name: c1, type: conv, out: 16, kernel: 1}")
    with pytest.raises(ArchbuilderError, match=rf"^c1\.out: found {found}, expected an integer"):
        spec.set({"c1.out": value})


def test_a_width_that_is_a_whole_number_of_numpy() -> None:
    spec = spec_of("{name: c1, type: conv, out: 16, kernel: 1}")
    assert spec.set({"c1.out": cast(Any, np.int64(7))}).text == spec.text.replace("out: 16", "out: 7")


def test_widths_that_leave_nothing() -> None:
    branches = {f"inception3a.{key}": 0 for key in ("1x1", "3x3", "5x5", "pool_proj")}
    message = "every branch is removed by a width of 0 or a condition: there is nothing to merge"
    with pytest.raises(SpecError, match=message):
        load("googlenet").set(branches)


def test_the_spec_itself_never_changes() -> None:
    spec = load("inception_digits")
    text, widths = spec.text, dict(spec.widths)
    spec.set({"conv1.out": 3})
    assert (spec.text, spec.widths) == (text, widths)
    root = spec.document.layers[0].node
    assert isinstance(root, MappingNode)
    assert not isinstance(root, SequenceNode)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# a\nname: old # b\nextends: googlenet\n", "# a\nname: x-best # b\nextends: googlenet\n"),
        ("extends: googlenet\nname: '1.10'\n", "extends: googlenet\nname: x-best\n"),
        (
            "# top\n\nextends: googlenet # b\nclasses: 5\n",
            "# top\n\nname: x-best\nextends: googlenet # b\nclasses: 5\n",
        ),
        ("{extends: googlenet, classes: 5}\n", "{extends: googlenet, classes: 5, name: x-best}\n"),
    ],
)
def test_a_network_gets_another_name(text: str, expected: str) -> None:
    spec = NetworkSpec.from_text(text)
    renamed = spec.renamed("x-best")
    assert (renamed.name, renamed.text) == ("x-best", expected)
    assert renamed.plan().macs == spec.plan().macs
    assert renamed.renamed("1.10").name == "1.10"


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_a_shipped_network_by_another_name_is_the_same(name: str) -> None:
    spec = load(name)
    assert spec.renamed("other").document.canonical_text == spec.document.canonical_text
