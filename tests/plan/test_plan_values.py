"""Kernels, repeats, types and the like are set in the text itself, as widths are."""

import re
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.nested_specs import nested_specs
from support.random_specs import specs

from archbuilder import ArchbuilderError, NetworkSpec, SpecError, load
from archbuilder.plan.members import index_members
from archbuilder.plan.paths import Paths
from archbuilder.spec.sources import shipped_names

HEADER = "name: mine\ninput: {channels: 3, height: 16, width: 16}\nclasses: 10\n"
END = (
    "  - {name: pool, type: global_avg_pool}\n  - {name: flat, type: flatten}\n  - {name: fc, type: linear, out: 10}\n"
)
UNITS = """\
blocks:
  plain:
    parameters: {out: width, activation: {type: string, default: relu}}
    body: [{type: conv, out: $out, kernel: 3, padding: 1, activation: $activation}]
  narrow:
    parameters: {out: width, inner: width}
    body: [{type: conv, out: $inner, kernel: 1}, {type: conv, out: $out, kernel: 1}]
  easy:
    parameters: {out: width, inner: {type: width, default: 2}, pair: {type: size, default: [1, 3]}}
    body: [{type: conv, out: $inner, kernel: $pair, padding: same}, {type: conv, out: $out, kernel: 1}]
"""


def spec_of(*layers: str, start: str = "", end: str = "") -> NetworkSpec:
    text = HEADER + start + "layers:\n" + "".join(f"  - {layer}\n" for layer in layers) + END + end
    return NetworkSpec.from_text(text, "mine.yaml")


def paths_of(spec: NetworkSpec) -> dict[str, Any]:
    """Give everything that can be asked of a spec."""
    paths, found = Paths(spec.document), dict[str, Any](spec.widths)
    for name, number in paths.layers.items():
        for key in paths.defaults(number, paths.type(number)):
            try:
                found[f"{name}.{key}"] = spec.value(f"{name}.{key}")
            except ArchbuilderError:
                continue
    return found


def facts(spec: NetworkSpec) -> tuple[Any, ...]:
    plan = spec.plan()
    ops = [(op.name, op.op.type, op.output_shape, op.parameters, op.macs) for op in plan.ops]
    return plan.macs, plan.parameters, plan.head_parameters, plan.head_macs, ops


def check_set(spec: NetworkSpec, values: dict[str, Any], *replacements: tuple[str, str]) -> NetworkSpec:
    """Check that a spec with values set is the text with the replacements made, byte for byte."""
    expected = spec.text
    for old, new in replacements:
        assert expected.count(old) == 1, old
        expected = expected.replace(old, new)
    edited = spec.set(values)
    assert edited.text == expected
    assert facts(edited) == facts(NetworkSpec.from_text(expected))
    for path, value in values.items():
        assert edited.value(path) == value
    return edited


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_a_shipped_spec_with_the_values_it_has_is_the_same_text(name: str) -> None:
    spec = load(name)
    values = paths_of(spec)
    assert len(values) > 5
    assert spec.set({}).text == spec.text
    assert spec.set(values).text == spec.text
    assert set(spec.widths.items()) <= {(path, value) for path, value in values.items() if isinstance(value, int)}


@given(st.one_of(specs(), nested_specs()))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_random_spec_with_the_values_it_has_is_the_same_text(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    assert spec.set(paths_of(spec)).text == spec.text


@given(nested_specs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_layers_are_called_as_their_widths_are(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    paths, found = Paths(spec.document), index_members(spec.document)
    assert found.searchable_widths.keys() == spec.widths.keys()
    for width in found.searchable_widths.values():
        number, key = paths.find(width.name)
        assert paths.places[number].node.get(key) is width.node.get(width.key)
        if width.layer in paths.layers:  # an override has no name of its own
            assert paths.layers[width.layer] == number


@given(st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_set_is_there_and_can_be_set_back(data: st.DataObject) -> None:
    spec = load(data.draw(st.sampled_from(["inception_digits", "resnet18_torchvision"])))
    found = paths_of(spec)
    chosen = data.draw(st.lists(st.sampled_from(sorted(found)), min_size=1, max_size=4, unique=True))
    values: dict[str, Any] = {}
    for path in chosen:
        key = path.rpartition(".")[2]
        if key in ("kernel", "repeat", "dilation", "stride", "5x5_kernel"):
            values[path] = data.draw(st.sampled_from([1, 2, 3, 5]))
        elif path in spec.widths:
            values[path] = data.draw(st.integers(2, 20))
        elif key == "activation":
            values[path] = data.draw(st.sampled_from(["relu", "silu", "none"]))
    try:
        edited = spec.set(values)
    except SpecError as error:
        assert str(error)  # noqa: PT017 - many of these are no networks
        return
    assert {path: edited.value(path) for path in values} == values
    assert edited.widths == spec.widths | {path: value for path, value in values.items() if path in spec.widths}
    assert facts(NetworkSpec.from_text(edited.text)) == facts(edited)
    back = edited.set({path: value for path, value in found.items() if path in paths_of(edited)})
    assert back.plan().macs == spec.plan().macs
    assert back.plan().parameters == spec.plan().parameters


# -- kernels and their padding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "values", "after"),
    [
        ("kernel: 3, padding: 1", {"kernel": 5}, "kernel: 5, padding: 2"),
        ("kernel: 7, padding: 3, stride: 2", {"kernel": 3}, "kernel: 3, padding: 1, stride: 2"),
        ("kernel: 3, padding: 1", {"kernel": 1}, "kernel: 1, padding: 0"),
        ("kernel: 1, padding: 0", {"kernel": 3}, "kernel: 3, padding: 1"),
        ("kernel: 1", {"kernel": 3}, "kernel: 3, padding: 1"),
        ("kernel: 3", {"kernel": 5}, "kernel: 5"),
        ("kernel: 5, padding: 1", {"kernel": 3}, "kernel: 3, padding: 1"),
        ("kernel: 3, padding: same", {"kernel": 4}, "kernel: 4, padding: same"),
        ("kernel: 3, padding: [1, 0]", {"kernel": 5}, "kernel: 5, padding: [1, 0]"),
        ("kernel: 3, padding: 1", {"kernel": 5, "padding": 1}, "kernel: 5, padding: 1"),
        ("kernel: 3, padding: 1", {"kernel": 4, "padding": "same"}, "kernel: 4, padding: same"),
        ("kernel: 3, padding: 2, dilation: 2", {"kernel": 5}, "kernel: 5, padding: 4, dilation: 2"),
        ("kernel: 3, padding: 1, dilation: 1", {"dilation": 2}, "kernel: 3, padding: 2, dilation: 2"),
        ("kernel: 3, padding: 1", {"kernel": [3, 1]}, "kernel: [3, 1], padding: [1, 0]"),
        ("kernel: [3, 1], padding: [1, 0]", {"kernel": [1, 5]}, "kernel: [1, 5], padding: [0, 2]"),
        ("kernel: [3, 1], padding: [1, 0]", {"kernel": 5}, "kernel: 5, padding: 2"),
        ("kernel: 3, padding: [1, 1]", {"kernel": 5}, "kernel: 5, padding: 2"),
        ("kernel: [3, 1], padding: same", {"kernel": [1, 3]}, "kernel: [1, 3], padding: same"),
        ("kernel: 3, padding: 2, dilation: 2", {"kernel": 4, "dilation": 1, "padding": 1}, None),
    ],
)
def test_padding_that_keeps_the_map_follows(layer: str, values: dict[str, Any], after: str | None) -> None:
    spec = spec_of(f"{{name: c, type: conv, out: 4, {layer}}}  # wide 漢")
    after = after or "kernel: 4, padding: 1, dilation: 1"
    check_set(spec, {f"c.{key}": value for key, value in values.items()}, (layer, after))


def test_the_map_of_a_padded_convolution_does_not_depend_on_the_kernel() -> None:
    spec = spec_of("{name: c, type: convolution, out: 4, kernel: 1, stride: 2}")
    for kernel in (3, 5, 1, 7):
        spec = spec.set({"c.kernel": kernel})
        assert spec.plan().layers[0].output_shape == (4, 8, 8)


def test_the_padding_of_a_pool_follows_too() -> None:
    spec = spec_of("{name: p, type: max_pool, kernel: 3, stride: 1, padding: 1}")
    check_set(spec, {"p.kernel": 5}, ("kernel: 3, stride: 1, padding: 1", "kernel: 5, stride: 1, padding: 2"))
    spec = spec_of("{name: p, type: max_pool, kernel: 2}")
    assert check_set(spec, {"p.kernel": 4}, ("kernel: 2", "kernel: 4")).plan().layers[0].output_shape == (3, 4, 4)


def test_an_even_kernel_has_no_padding_that_keeps_the_map() -> None:
    spec = spec_of("{name: c, type: conv, out: 4, kernel: 3, padding: 1}")
    message = (
        r"^c\.kernel: no padding keeps the map size with a kernel of 4, as with 3\n  set c\.padding too, or write "
    )
    with pytest.raises(SpecError, match=message):
        spec.set({"c.kernel": 4})


# -- repeats, types and other words ------------------------------------------------------------------------------------


def test_a_repeat_is_set_and_every_input_follows() -> None:
    spec = spec_of(
        "{name: grow, repeat: 2, sequence: [{concat: [[], [{name: c, type: conv, out: 2, kernel: 1}]]}]}  # dense",
        "\n    name: next\n    # seven arrive\n    type: conv\n    in: 7\n    out: 4\n    kernel: 1\n",
    )
    edited = check_set(spec, {"grow.repeat": 4}, ("repeat: 2", "repeat: 4"), ("in: 7", "in: 11"))
    assert edited.widths == spec.widths
    with_kernel = check_set(spec, {"next.repeat": 2}, ("kernel: 1\n\n", "kernel: 1\n    repeat: 2\n\n"))
    assert with_kernel.value("next.repeat") == 2


def test_an_input_follows_in_a_network_without_a_width() -> None:
    text = HEADER + (
        "layers:\n  - {name: pool, type: avg_pool, kernel: 4}\n  - {name: flat, type: flatten}\n"
        "  - {name: fc, type: linear, in: 48, out: 10}\n"
    )
    spec = NetworkSpec.from_text(text)
    check_set(spec, {"pool.kernel": 8}, ("kernel: 4", "kernel: 8"), ("in: 48", "in: 12"))


def test_a_type_is_set_and_its_widths_stay() -> None:
    spec = spec_of("{name: u, type: plain, out: 6}  # the unit", start=UNITS)
    edited = check_set(spec, {"u.type": "easy"}, ("type: plain, out: 6", "type: easy, out: 6"))
    assert edited.widths == {"u.out": 6, "u.inner": 2}
    check_set(edited, {"u.type": "plain"}, ("type: easy, out", "type: plain, out"))


def test_what_a_new_type_needs_is_set_along_with_it() -> None:
    spec = spec_of("{name: u, type: plain, out: 6}", start=UNITS)
    edited = check_set(spec, {"u.inner": 3, "u.type": "narrow"}, ("plain, out: 6", "narrow, out: 6, inner: 3"))
    assert edited.widths == {"u.out": 6, "u.inner": 3}
    with pytest.raises(SpecError, match=r"layers\.u\.inner\n(.*\n)*.*narrow needs 'inner'"):
        spec.set({"u.type": "narrow"})


def test_a_type_that_does_not_know_a_key() -> None:
    message = (
        r"^inception4a\.type: inception_bn has no key '5x5red', which inception4a sets as inception\n  the keys of"
    )
    with pytest.raises(SpecError, match=message) as caught:
        load("googlenet").set({"inception4a.type": "inception_bn"})
    assert [re.findall("'(.*)'", problem.message) for problem in caught.value.problems] == [["5x5red"], ["5x5"]]


def test_words_truth_values_and_heads() -> None:
    spec = load("googlenet")
    check_set(
        spec, {"conv1.activation": "silu"}, ("stride: 2, padding: 3}", "stride: 2, padding: 3, activation: silu}")
    )
    check_set(spec, {"aux1.after": "inception4b"}, ("name: aux1, after: inception4a", "name: aux1, after: inception4b"))
    ceil = spec.set({"maxpool1.ceil_mode": False})
    assert "ceil_mode: false" in ceil.text
    assert ceil.value("maxpool1.ceil_mode") is False
    assert spec.value("aux1.type") == "aux_head"
    assert spec.value("conv1.norm") == "none"
    assert load("inception_digits").value("conv1.norm") == "batch"  # as the file's own section says
    assert spec.set({"inception3a.5x5_kernel": cast(Any, np.int64(3))}).value("inception3a.5x5_kernel") == 3


def test_a_value_is_written_as_yaml_reads_it() -> None:
    layer = "\n    name: c\n    type: 'conv'  # quoted\n    out: 4\n    kernel: 1\n    bias:  # what there is\n"
    spec = spec_of(layer)
    check_set(spec, {"c.bias": True}, ("bias:  #", "bias: true  #"))
    spec = spec_of("\n    name: c\n    type: >-\n      conv\n    out: 4\n    kernel: 1\n")
    with pytest.raises(ArchbuilderError, match=r"^mine\.yaml:7:11: this string spans several lines; edit it"):
        spec.set({"c.type": "convolution"})


def test_members_in_branches_have_paths_too() -> None:
    spec = spec_of("{name: m, concat: {a: [{type: conv, out: 2, kernel: 3, padding: 1}], b: {type: identity}}}")
    check_set(spec, {"m.a.kernel": 5}, ("kernel: 3, padding: 1", "kernel: 5, padding: 2"))
    assert spec.value("m.repeat") == 1
    assert spec.value("m.b.type") == "identity"


def test_a_layer_of_an_extended_file_is_changed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("extends: googlenet  # mine\nlayers:\n  conv1: {stride: 2}\n")
    edited = load("mine.yaml").set({"conv1.kernel": 5, "inception3a.repeat": 2, "aux1.pool_kernel": 3})
    assert edited.text == (
        "extends: googlenet  # mine\nlayers:\n  inception3a: {repeat: 2}\n  conv1: {stride: 2, kernel: 5, padding: 2}\n"
        "aux:\n  aux1: {pool_kernel: 3}\n"
    )
    hand = load("googlenet").text.replace("kernel: 7, stride: 2, padding: 3", "kernel: 5, stride: 2, padding: 2")
    assert load("mine.yaml").set({"conv1.kernel": 5}).plan().macs == NetworkSpec.from_text(hand).plan().macs


def test_a_layer_without_a_name_in_the_extended_file_writes_all_of_it_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = spec_of("{name: s, sequence: [{name: c, type: conv, out: 4, kernel: 3, padding: 1}]}")
    Path("base.yaml").write_text(base.text)
    Path("mine.yaml").write_text("extends: base.yaml\n")
    edited = load("mine.yaml").set({"s.c.kernel": 5})
    assert "extends" not in edited.text
    assert facts(edited) == facts(base.set({"s.c.kernel": 5}))


# -- aliases -----------------------------------------------------------------------------------------------------------


def test_an_alias_is_written_out_where_it_differs() -> None:
    spec = spec_of(
        "{name: a, type: conv, out: 4, kernel: &k 3, padding: 1}", "{name: b, type: conv, out: 4, kernel: *k}"
    )
    first = spec.set({"a.kernel": 5})
    assert "kernel: &k 5, padding: 2}" in first.text
    assert "kernel: 3}" in first.text
    assert "kernel: &k 3, padding: 1}" in (second := spec.set({"b.kernel": 1})).text
    assert second.value("b.kernel") == 1


def test_what_is_merged_stays_as_it_was() -> None:
    spec = spec_of("&u {name: a, type: conv, out: 4, kernel: 1}", "{<<: *u, name: b}")
    edited = spec.set({"a.kernel": 3})
    assert "&u {name: a, type: conv, out: 4, kernel: 3, padding: 1}" in edited.text
    assert (edited.value("b.kernel"), edited.value("b.padding")) == (1, 0)
    other = spec.set({"b.kernel": 3})
    assert "{<<: *u, name: b, padding: 1, kernel: 3}" in other.text
    with pytest.raises(ArchbuilderError, match=r"mine\.yaml:.*: bias is shared through a YAML alias; write it out"):
        spec.set({"a.bias": True})


def test_a_layer_that_is_an_alias_changes_alone() -> None:
    spec = spec_of("&u {type: conv, out: 4, kernel: 3, padding: 1}", "*u")
    first, second = spec.set({"0.kernel": 5}), spec.set({"1.kernel": 5})
    assert "- &u {type: conv, out: 4, kernel: 5, padding: 2}\n  - {<<: *u, kernel: 3, padding: 1}" in first.text
    assert "- &u {type: conv, out: 4, kernel: 3, padding: 1}\n  - {<<: *u, kernel: 5, padding: 2}" in second.text


# -- what cannot be ----------------------------------------------------------------------------------------------------

REFUSED = (
    "{name: c1, type: conv, out: 4, kernel: [3, 1], activation: $word, init: {type: normal, std: 1.0}}",
    "{name: c2, type: conv, in: 4, out: 4, kernel: 1, eps: 0.01, repeat: 2, overrides: {0: {stride: 2}}}",
    "{name: u, type: easy, out: 4}",
)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("c9.kernel", "mine has no layer 'c9', in 'c9.kernel'"),
        ("c2.0.stride", "mine has no layer 'c2.0', in 'c2.0.stride'; did you mean c2?"),
        ("kernel", "found 'kernel', expected a layer and its key, such as stem.kernel"),
        (
            "c2.kernl",
            "c2.kernl: conv has no key 'kernl'; did you mean kernel?\n  its keys are repeat, from, type, init",
        ),
        ("fc.out", "fc.out is the number of classes: it cannot be set"),
        ("c2.in", "c2.in cannot be set"),
        ("c2.name", "c2.name cannot be set"),
        ("c2.overrides", "c2.overrides cannot be set"),
        ("c2.outt", "c2.outt: conv has no key 'outt'; did you mean out?"),
        ("c1.init", "c1.init is a mapping (mine.yaml:16:77), not a value or a list of values"),
        ("c1.activation", "c1.activation is computed, as $word (mine.yaml:16:64): it cannot be set"),
    ],
)
def test_a_path_that_cannot_be(path: str, message: str) -> None:
    spec = spec_of(*REFUSED, start="variables: {word: relu}\n" + UNITS)
    for ask in (lambda: spec.value(path), lambda: spec.set({path: 3})):
        with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
            ask()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("c2.bias", "c2.bias is not written, and has no default"),
        ("u.init", "u.init is not written, and has no default"),
    ],
)
def test_what_has_no_value_to_tell(path: str, message: str) -> None:
    spec = spec_of(*REFUSED, start="variables: {word: relu}\n" + UNITS)
    with pytest.raises(SpecError, match=f"^{re.escape(message)}"):
        spec.value(path)


def test_lists_and_floats_are_values_too() -> None:
    spec = spec_of(*REFUSED, start="variables: {word: relu}\n" + UNITS)
    assert [spec.value(path) for path in ("c1.kernel", "u.pair", "c2.eps", "c2.out")] == [[3, 1], [1, 3], 0.01, 4]
    values = {"u.pair": (3, 3), "c2.eps": 0.5, "c2.out": 6, "u.repeat": 2, "c1.kernel": 1, "c2.bias": True}
    edited = check_set(
        spec,
        {path: list(value) if isinstance(value, tuple) else value for path, value in values.items()},
        ("kernel: [3, 1]", "kernel: 1"),
        ("in: 4, out: 4, kernel: 1, eps: 0.01", "in: 4, out: 6, kernel: 1, eps: 0.5"),
        ("overrides: {0: {stride: 2}}}", "overrides: {0: {stride: 2}}, bias: true}"),
        ("type: easy, out: 4}", "type: easy, out: 4, pair: [3, 3], repeat: 2}"),
    )
    assert spec.set(values).text == edited.text
    assert spec.set({"c2.eps": cast(Any, np.float64(0.5))}).value("c2.eps") == 0.5


def test_widths_and_other_values_change_together() -> None:
    spec = load("googlenet")
    edited = spec.set({"inception4e.3x3": 256, "conv1.kernel": [5, 3], "inception5a.repeat": 2})
    assert "kernel: [5, 3], stride: 2, padding: [2, 1]" in edited.text
    assert edited.widths == spec.widths | {"inception4e.3x3": 256}
    assert facts(edited) == facts(NetworkSpec.from_text(edited.text))


def test_an_aliased_list_is_written_out_where_it_differs() -> None:
    spec = spec_of(
        "{name: a, type: conv, out: 4, kernel: &k [3, 1]}",
        "{name: b, type: conv, out: 4, kernel: *k}",
        "{<<: {kernel: *k}, name: c, type: conv, out: 4}",
    )
    for path in ("a.kernel", "b.kernel", "c.kernel"):
        edited = spec.set({path: [1, 3]})
        expected = {other: [1, 3] if other == path else [3, 1] for other in ("a.kernel", "b.kernel", "c.kernel")}
        assert {other: edited.value(other) for other in expected} == expected
    edited = spec.set(dict.fromkeys(("a.kernel", "b.kernel"), 1))  # the second follows, the third does not
    assert edited.text == spec.text.replace("&k [3, 1]", "&k 1").replace("<<: {kernel: *k}", "<<: {kernel: [3, 1]}")


def test_a_list_that_cannot_be_replaced() -> None:
    spec = spec_of("{name: a, type: conv, out: 4, kernel: [&k 3, *k]}")
    with pytest.raises(ArchbuilderError, match=r"^mine\.yaml:5:43: this list has an anchored item; edit it by hand"):
        spec.set({"a.kernel": 1})
    spec = spec_of("\n    name: a\n    type: conv\n    out: 4\n    kernel:\n      - 3\n      - 1\n")
    with pytest.raises(ArchbuilderError, match=r"^mine\.yaml:10:7: this list spans several lines; edit it by hand"):
        spec.set({"a.kernel": 1})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("c.kernel", 0, r"layers\.c\.kernel\n(.*\n)*.*expected 1 to"),
        (
            "c.kernel",
            "big",
            r"mine\.yaml:5:43  layers\.c\.kernel\n(.*\n)*.*\^\^\^ found the string 'big', expected an integer",
        ),
        ("c.kernel", "3", r'kernel: "3".*\n.*found the string \'3\', expected an integer'),
        ("c.kernel", 99, r"a window of 99 x 99 does not fit"),
        ("c.kernel", True, "found true|expected an integer"),
        ("c.kernel", 1.5, r"layers\.c\.kernel\n(.*\n)*.*found 1\.5, expected an integer"),
        (
            "c.kernel",
            [3, 1, 1],
            r"layers\.c\.kernel\n(.*\n)*.*found \[3, 1, 1\], expected an integer, or two as \[height, width\]",
        ),
        ("c.kernel", None, r"^c\.kernel: found nothing, expected an integer, a float, a boolean, a string, or a list"),
        ("c.kernel", [3, None], r"^c\.kernel: found nothing, expected an integer, a float"),
        ("c.out", [4], r"^c\.out: found \[4\], expected an integer\n1 error$"),
        ("c.out", 4.0, r"^c\.out: found 4\.0, expected an integer\n1 error$"),
        ("c.kernel", "$k", r"^c\.kernel: found the string '\$k', expected a plain value, not a \$ expression"),
        ("c.repeat", -1, r"layers\.c\.repeat\n(.*\n)*.*a number of repetitions: 0 to 10,000"),
        ("c.type", "convv", r"^c\.type: unknown layer type 'convv'; did you mean conv\?"),
        ("c.type", "zzz", r"^c\.type: unknown layer type 'zzz'\n  known are activation, "),
        ("c.activation", "rel", r"found the string 'rel', expected one of none, .*; did you mean relu\?"),
        ("c.activation", "a, b: {", r"activation: 'a, b: \{'"),
        ("c.groups", 3, r"3 groups do not divide"),
    ],
)
def test_a_value_that_cannot_be(path: str, value: Any, message: str) -> None:
    spec = spec_of("{name: c, type: conv, out: 4, kernel: 2}")
    with pytest.raises(SpecError, match=message):
        spec.set({path: value})


def test_all_that_cannot_be_is_told_at_once() -> None:
    spec = spec_of("{name: c, type: conv, out: 4, kernel: 2}")
    with pytest.raises(SpecError, match=r"3 errors$"):
        spec.set({"c.out": 1.5, "d.kernel": 3, "c.kernl": 5, "c.kernel": 1})


def test_the_spec_itself_never_changes() -> None:
    spec = load("inception_digits")
    text = spec.text
    spec.set({"conv1.kernel": 5})
    assert (spec.text, spec.value("conv1.kernel")) == (text, 3)
