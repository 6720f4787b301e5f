"""Widths are set in the text itself: the numbers change, and nothing else does."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, SpecError, load
from archbuilder.spec.nodes import Mapping, Sequence
from archbuilder.spec.sources import shipped_names

HEADER = "name: mine\ninput: {channels: 3, height: 8, width: 8}\nclasses: 10\nlayers:\n"
END = (
    "  - {name: pool, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 10}\n"
)


def spec_of(*layers: str, newline: str = "\n", start: str = "") -> NetworkSpec:
    text = start + HEADER + "".join(f"  - {layer}\n" for layer in layers) + END
    return NetworkSpec.from_text(text.replace("\n", newline), "mine.yaml")


def numbers(spec: NetworkSpec) -> list[tuple[int, int]]:
    """Give the ranges of the text that may change: the widths and the declared inputs."""
    plan = spec.plan()
    nodes = [*(site.node for site in plan.sites.values()), *(node for node, _ in plan.declared_inputs)]
    return sorted({(node.span.start, node.span.end) for node in nodes})


def rest(spec: NetworkSpec) -> list[str]:
    """Give the text that stays: the pieces between the numbers."""
    ends = [0, *(end for _, end in numbers(spec))]
    starts = [*(start for start, _ in numbers(spec)), len(spec.text)]
    return [spec.text[end:start] for end, start in zip(ends, starts, strict=True)]


def check_edit(spec: NetworkSpec, widths: dict[str, int]) -> NetworkSpec:
    edited = spec.with_widths(widths)
    assert edited.widths == {**spec.widths, **widths}
    assert rest(edited) == rest(spec)
    for node, arriving in edited.plan().declared_inputs:
        assert node.value == arriving
        assert edited.text[slice(*node.span)] == str(arriving)
    again = NetworkSpec.from_text(edited.text)
    assert again.widths == edited.widths
    assert (again.plan().macs, again.plan().parameters) == (edited.plan().macs, edited.plan().parameters)
    assert again.plan().head_parameters == edited.plan().head_parameters
    return edited


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_a_shipped_spec_with_the_widths_it_has_is_the_same_text(name: str) -> None:
    spec = load(name)
    assert spec.with_widths({}).text == spec.text
    assert spec.with_widths(spec.widths).text == spec.text


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_the_numbers_of_a_shipped_spec_change(data: st.DataObject) -> None:
    spec = load(data.draw(st.sampled_from(shipped_names("specs"))))
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.sites)), min_size=1, max_size=8, unique=True))
    edited = check_edit(spec, {name: data.draw(st.integers(1, 1500)) for name in chosen})
    assert edited.text.count("#") == spec.text.count("#")
    assert re.sub(r"\d+", "", edited.text) == re.sub(r"\d+", "", spec.text)
    assert edited.with_widths(spec.widths).text == spec.text


@given(specs(), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_the_numbers_of_a_random_spec_change(values: dict[str, Any], data: st.DataObject) -> None:
    spec = NetworkSpec.from_dict(values)
    if not spec.sites:
        return
    chosen = data.draw(st.lists(st.sampled_from(sorted(spec.sites)), min_size=1, unique=True))
    edited = check_edit(spec, {name: data.draw(st.integers(1, 20)) for name in chosen})
    assert edited.with_widths(spec.widths).text == spec.text


def test_a_change_is_seen_by_every_declared_input_after_it() -> None:
    smaller = load("googlenet").with_widths({"inception4a.3x3": 200})
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
    assert list(spec.sites) == ["c2.out"]
    assert "out: 9, in: 6" in check_edit(spec, {"c2.out": 9}).text


# -- anchors -----------------------------------------------------------------------------------------------------------

ALIASED = ("{name: c1, type: conv, out: &w 16, kernel: 1}", "{name: c2, type: conv, in: *w, out: *w, kernel: 1}")


def test_an_alias_stays_while_both_are_the_same() -> None:
    spec = spec_of(*ALIASED)
    assert spec.with_widths({}).text == spec.text
    assert spec.with_widths({"c1.out": 5, "c2.out": 5}).text == spec.text.replace("&w 16", "&w 5")


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
    edited = spec.with_widths(widths)
    assert edited.widths == {**spec.widths, **widths}
    assert first in edited.text
    assert second in edited.text


@pytest.mark.parametrize(
    "layers",
    [
        ("&b {name: c1, type: conv, out: 8, kernel: 1}", "{<<: *b, name: c2}"),
        ("{<<: &b {type: conv, out: 8, kernel: 1}, name: c1}", "{<<: *b, name: c2}"),
    ],
)
def test_a_number_that_is_merged_cannot_change_alone(layers: tuple[str, ...]) -> None:
    spec = spec_of(*layers)
    message = (
        r"^mine\.yaml:5:\d+: this number is shared through a YAML alias or merge key, and should become both 5 and 8;"
    )
    with pytest.raises(ArchbuilderError, match=message):
        spec.with_widths({"c1.out": 5})
    with pytest.raises(ArchbuilderError, match=r"should become both 8 and 5; write it out where it is used$"):
        spec.with_widths({"c2.out": 5})
    both = check_edit(spec, {"c1.out": 5, "c2.out": 5})
    assert both.text == spec.text.replace("out: 8", "out: 5")


@pytest.mark.xfail(reason="an alias that is no width follows its anchor silently (plan/widths.py)", strict=True)
def test_an_alias_that_is_no_width_does_not_follow() -> None:
    spec = spec_of("{name: c1, type: conv, out: &w 3, kernel: *w, padding: 1}")
    try:
        edited = spec.with_widths({"c1.out": 5})
    except ArchbuilderError:
        return  # to refuse it is as good
    layers = edited.document.layers
    assert layers[0].values["kernel"] == 3


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_a_width_that_does_not_exist() -> None:
    with pytest.raises(
        SpecError, match=r"googlenet has no width 'inception4a\.3x3d' to set; did you mean inception4a\.3x3"
    ):
        load("googlenet").with_widths({"inception4a.3x3d": 3})


def test_the_last_layer_is_no_width() -> None:
    with pytest.raises(SpecError, match=r"googlenet has no width 'fc\.out' to set"):
        load("googlenet").with_widths({"fc.out": 1000})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "found 0, expected at least 1"),
        (-1, "found -1, expected at least 0"),
        (10**9, "expected at most 1,000,000"),
        (1.5, "found 1.5, expected a whole number"),
        (True, "found true, expected a whole number"),
        ("8", "found the word '8', expected a whole number"),
        (None, "found nothing, expected a whole number"),
    ],
)
def test_a_width_that_is_none(value: Any, message: str) -> None:
    spec = spec_of("{name: c1, type: conv, out: 16, kernel: 1}")
    with pytest.raises(SpecError, match=rf"mine\.yaml:5:33  layers\.c1\.out\n(.*\n)*.*{message}"):
        spec.with_widths({"c1.out": value})


def test_widths_that_leave_nothing() -> None:
    branches = {f"inception3a.{key}": 0 for key in ("1x1", "3x3", "5x5", "pool_proj")}
    with pytest.raises(SpecError, match="every branch has a width of 0: nothing is left to merge"):
        load("googlenet").with_widths(branches)


def test_the_spec_itself_never_changes() -> None:
    spec = load("inception_digits")
    text, widths = spec.text, dict(spec.widths)
    spec.with_widths({"conv1.out": 3})
    assert (spec.text, spec.widths) == (text, widths)
    root = spec.document.layers[0].node
    assert isinstance(root, Mapping)
    assert not isinstance(root, Sequence)
