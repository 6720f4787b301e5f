"""Defaults by type of layer: where they apply, and what is wrong with them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec.marked import CONV, network
from spec.small_specs import spec_of, text_of

from archbuilder import NetworkSpec, SpecError, load

UNIT = (
    "blocks: {unit: {parameters: {w: width, slope: {type: float, default: 0.5}}, body: "
    "[{name: c, type: convolution, out: $w, kernel: 1}, {name: own, type: batch_norm, eps: 0.5}]}}\n"
)


def values(spec: NetworkSpec, key: str) -> dict[str, Any]:
    """Give the value of a key of every op that has it."""
    return {op.name: getattr(op.op, key) for op in spec.plan().ops if hasattr(op.op, key)}


def test_they_apply_to_primitives_and_blocks_inside_bodies_too_and_own_keys_win() -> None:
    spec = spec_of(
        "{name: a, type: conv, out: 4, kernel: 1, norm: batch}",
        "{name: b, type: conv, out: 4, kernel: 1, norm: batch, momentum: 0.2}",
        "{name: c, type: batch_norm}",
        "{name: d, type: unit}",
        "{name: e, type: unit, w: 6}",
        header=f"variables: {{m: 0.01}}\n{UNIT}"
        "defaults: {batch_norm: {momentum: $m, eps: 0.25}, convolution: {bias: false}, unit: {w: 5}, "
        "linear: {bias: false}, conv: {activation: none}}\n",
    )
    assert values(spec, "momentum") == {"a.bn": 0.01, "b.bn": 0.2, "c": 0.01, "d.own": 0.01, "e.own": 0.01}
    assert values(spec, "eps") == {"a.bn": 0.25, "b.bn": 0.25, "c": 0.25, "d.own": 0.5, "e.own": 0.5}
    assert values(spec, "bias") == {"a.conv": False, "b.conv": False, "d.c": False, "e.c": False, "fc": False}
    assert {op.name: op.output_shape[0] for op in spec.plan().ops if op.name.endswith(".c")} == {"d.c": 5, "e.c": 6}
    assert "a.activation" not in [op.name for op in spec.plan().ops]


def test_conv_is_short_for_the_defaults_of_conv() -> None:
    layers = ("{name: a, type: conv, out: 8, kernel: 1}", "{name: b, type: conv, out: 8, kernel: 1, norm: none}")
    short = spec_of(*layers, header="conv: {norm: group, norm_groups: 2, activation: silu}\n")
    long = spec_of(*layers, header="defaults: {conv: {norm: group, norm_groups: 2, activation: silu}}\n")
    both = spec_of(*layers, header="conv: {norm: group}\ndefaults: {conv: {norm_groups: 2, activation: silu}}\n")
    assert short.plan().layers[0].ops[1].op.type == "group_norm"
    for spec in (long, both):
        assert [repr(op) for op in spec.plan().ops] == [repr(op) for op in short.plan().ops]


def test_init_by_type_is_weaker_than_that_of_a_block_and_stronger_than_that_of_the_file() -> None:
    spec = spec_of(
        "{name: a, type: conv, out: 4, kernel: 1}",
        "{name: b, type: conv, out: 4, kernel: 1, init: xavier}",
        "{name: c, type: convolution, out: 4, kernel: 1, init: zeros}",
        header="init: kaiming\ndefaults: {convolution: {init: {type: normal, std: 0.5}}}\n",
    )
    inits = {op.name: op.init and op.init.type for op in spec.plan().ops if "activation" not in op.name}
    assert inits == {"a.conv": "normal", "b.conv": "xavier", "c": "zeros", "gap": None, "flat": None, "fc": None}


def test_a_width_that_the_file_defaults_is_a_width_of_each_layer() -> None:
    spec = spec_of("{name: d, type: unit}", "{name: e, type: unit}", header=f"{UNIT}defaults: {{unit: {{w: 5}}}}\n")
    assert spec.widths == {"d.w": 5, "e.w": 5}
    assert spec.value("d.w") == 5
    wider = spec.set({"e.w": 7})
    assert wider.widths == {"d.w": 5, "e.w": 7}
    assert "{name: e, type: unit, w: 7}" in wider.text


def test_in_an_extending_file_they_are_laid_over_key_by_key(tmp_path: Path) -> None:
    base = text_of("{name: c, type: batch_norm}", header="defaults: {batch_norm: {eps: 0.25, momentum: 0.5}}\n")
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "mine.yaml").write_text(
        "extends: base.yaml\ndefaults: {batch_norm: {eps: 0.5, momentum: ~}, linear: {bias: false}}\n"
    )
    spec = load(str(tmp_path / "mine.yaml"))
    assert (values(spec, "eps"), values(spec, "momentum"), values(spec, "bias")) == (
        {"c": 0.5},
        {"c": 0.1},
        {"fc": False},
    )


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "convolution": st.fixed_dictionaries(
                {}, optional={"bias": st.booleans(), "groups": st.sampled_from([1, 2])}
            ),
            "batch_norm": st.fixed_dictionaries(
                {}, optional={"eps": st.floats(0.01, 0.5), "momentum": st.floats(0, 1)}
            ),
            "max_pool": st.fixed_dictionaries({}, optional={"stride": st.sampled_from([1, 2]), "kernel": st.just(2)}),
        },
    ),
    st.lists(
        st.sampled_from(
            [
                {"type": "convolution", "out": 4, "kernel": 1},
                {"type": "convolution", "out": 4, "kernel": 1, "bias": True},
                {"type": "batch_norm", "eps": 0.3},
                {"type": "batch_norm"},
                {"type": "max_pool", "kernel": 2, "stride": 1},
            ]
        ),
        max_size=5,
    ),
)
@settings(max_examples=40, deadline=None)
def test_they_are_the_same_as_keys_that_are_written_out(defaults: dict[str, Any], layers: list[dict[str, Any]]) -> None:
    end = [{"type": "global_avg_pool"}, {"type": "flatten"}, {"type": "linear", "out": 4}]
    whole: dict[str, Any] = {"input": {"channels": 4, "height": 16, "width": 16}, "classes": 4}
    short = NetworkSpec.from_dict({**whole, "defaults": defaults, "layers": [*layers, *end]})
    written = [{**defaults.get(layer["type"], {}), **layer} for layer in layers]
    long = NetworkSpec.from_dict({**whole, "layers": [*written, *end]})
    assert [(op.name, op.op, op.macs) for op in short.plan().ops] == [
        (op.name, op.op, op.macs) for op in long.plan().ops
    ]


@pytest.mark.parametrize(
    ("header", "path", "message"),
    [
        ("defaults: {batchnorm: {eps: 0.1}}", "defaults.batchnorm",
         "unknown layer type 'batchnorm'; did you mean batch_norm?"),
        ("defaults: {maxpooling: {kernel: 3}}", "defaults.maxpooling",
         "unknown layer type 'maxpooling'; did you mean max_pool?"),
        ("defaults: {conv: {nrm: batch}}", "defaults.conv.nrm", "unknown key 'nrm' for conv; did you mean norm?"),
        ("defaults: {max_pool: {kernel: 0}}", "defaults.max_pool.kernel",
         "found 0, expected 1 to 100,000"),
        ("defaults: {max_pool: {repeat: 2}}", "defaults.max_pool.repeat", "unknown key 'repeat' for max_pool"),
        ("defaults: {conv: {kernel: $k}}", "defaults.conv.kernel", "$k is not known here"),
        ("defaults: {conv: batch}", "defaults.conv",
         "found the string 'batch', expected a mapping; did you mean {norm: batch}?"),
        ("defaults: conv", "defaults",
         "found the string 'conv', expected types of layers, each with keys: {batch_norm: {eps: 0.1}}"),
        ("defaults: {linear: {init: kaimin}}", "defaults.linear.init",
         "found the string 'kaimin', expected one of pytorch, kaiming, xavier, truncated_normal, normal, zeros; "
         "did you mean kaiming?"),
        ("conv: {norm: batch}\ndefaults: {conv: {norm: group}}", "defaults.conv.norm",
         "norm is given twice: as conv.norm on line 4 too"),
        ("defaults: {convolution: {groups: 5}}", "layers.conv1.groups", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_with_them_is_said_once_at_its_place(header: str, path: str, message: str) -> None:
    """Also where several layers would use them, or need them."""
    text = network(CONV, "{name: m1, type: max_pool, stride: 1}", "{name: m2, type: max_pool, stride: 1}")
    if "max_pool: {kernel" not in header:
        text = text.replace("stride: 1}", "stride: 1, kernel: 1}")
    text = text.replace("layers:\n", f"{header}\nlayers:\n")
    if not message:
        NetworkSpec.from_text(text)  # conv writes its own
        return
    with pytest.raises(SpecError, match=r"1 error$") as caught:
        NetworkSpec.from_text(text)
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [(path, message)]


def test_what_does_not_fit_a_layer_is_said_of_the_default_with_the_layer() -> None:
    text = text_of("{name: a, type: convolution, out: 8, kernel: 1}", header="defaults: {convolution: {groups: 3}}\n")
    with pytest.raises(SpecError, match=r"1 error$") as caught:
        NetworkSpec.from_text(text, "mine.yaml")
    [problem] = caught.value.problems
    assert (problem.path, problem.message[:14]) == ("defaults.convolution.groups", "3 groups do no")
    assert problem.notes[-1] == "in a (mine.yaml:5:21)"
