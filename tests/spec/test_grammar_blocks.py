"""Blocks of one's own: templates in the file, and in files that it includes."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from spec.small_specs import END, HEADER, images, seeded, spec_of, text_of, weights

from archbuilder import NetworkSpec, SpecError, load
from archbuilder.crosscheck.fvcore_count import compare, count_with_fvcore
from archbuilder.plan.recorder import DEEPEST, MOST_OPS, MOST_WORK
from archbuilder.primitives import Merge

INVENTED = """\
blocks:
  view:                                              # a fork in a branch of a residual
    description: Looks near and far in a bottleneck with a residual.
    parameters:
      out: {type: width, description: Output channels.}
      view: {type: width, description: Channels of each look.}
      edges: {type: width, default: 3, description: Channels of the 1x3 and the 3x1.}
      stride: {type: size, default: 1}
      norm: {type: string, choices: [batch, none], default: batch}
    body:
      - add:
          main:
            - {name: reduce, type: conv, out: $view, kernel: 1, stride: $stride, norm: $norm}
            - name: look
              concat:
                near: [{type: conv, out: $view, kernel: 3, padding: same}]
                far:
                  - {type: conv, out: $view // 2, kernel: 1}
                  - concat:
                      - [{type: conv, out: $edges, kernel: [1, 3], padding: [0, 1]}]
                      - [{type: conv, out: $edges, kernel: [3, 1], padding: [1, 0]}]
            - {name: expand, type: convolution, out: $out, kernel: 1, bias: false}
          skip: [{type: conv, out: $out, kernel: 1, stride: $stride, when: $stride != 1 or $in != $out}]
      - {name: relu, type: activation}
"""
USES = (
    "{name: stage1, type: view, out: 4, view: 6}",
    "{name: stage2, type: view, out: 10, view: 8, edges: 5, stride: 2, norm: none}",
)


# -- what a block means ------------------------------------------------------------------------------------------------


def test_shapes_of_an_invented_block() -> None:
    plan = spec_of(*USES, header=INVENTED).plan()
    shapes = {op.name: op.output_shape for op in plan.ops}
    assert shapes["stage1.main.reduce.conv"] == (6, 8, 8)
    assert shapes["stage1.main.look.near.conv"] == (6, 8, 8)
    assert shapes["stage1.main.look.far.0.conv"] == (3, 8, 8)
    assert shapes["stage1.main.look.far.(concat)"] == (6, 8, 8)
    assert shapes["stage1.main.look.(concat)"] == (12, 8, 8)
    assert shapes["stage1.main.expand"] == (4, 8, 8)
    assert "stage1.skip.conv" not in shapes  # the shape is kept, so that the branch is the identity
    assert shapes["stage2.main.look.(concat)"] == (18, 4, 4)
    assert shapes["stage2.skip.conv"] == (10, 4, 4)
    assert [layer.output_shape for layer in plan.layers[:2]] == [(4, 8, 8), (10, 4, 4)]
    assert [layer.type for layer in plan.layers[:2]] == ["view", "view"]


def test_counts_of_an_invented_block_are_those_of_torch_and_fvcore() -> None:
    spec = spec_of(*USES, header=INVENTED)
    plan, network = spec.plan(), spec.build()
    for op in plan.ops:
        if not isinstance(op.op, Merge):
            module = network.get_submodule(op.name)
            assert sum(parameter.numel() for parameter in module.parameters()) == op.parameters, op.name
    assert plan.parameters == sum(parameter.numel() for parameter in network.parameters())
    count = count_with_fvcore(network, plan.input_shape)
    assert compare(plan, count) == []
    assert count.total == plan.macs
    by_hand = 4 * 6 + 6 * 6 * 9 + 6 * 3 + 2 * (3 * 3 * 3) + 12 * 4  # the convolutions of stage1, per position
    norm = 2 * 6
    assert plan.layers[0].macs == (by_hand + norm) * 64


def test_an_invented_block_computes_what_it_says() -> None:
    network = seeded(spec_of(*USES, header=INVENTED))
    x = images()
    main = network.stage1.main
    reduced = main.reduce(x)
    far = getattr(main.look.far, "0")(reduced)
    parts = [main.look.near(reduced), main.look.far.conv(far), main.look.far.conv_2(far)]
    expected = torch.relu(main.expand(torch.cat(parts, dim=1)) + x)
    torch.testing.assert_close(network.stage1(x), expected)


def test_widths_of_an_invented_block() -> None:
    spec = spec_of(*USES, header=INVENTED)
    assert spec.widths == {
        "stage1.out": 4, "stage1.view": 6, "stage1.edges": 3,
        "stage2.out": 10, "stage2.view": 8, "stage2.edges": 5,
    }  # fmt: skip
    assert spec.searchable_widths["stage1.edges"].default == 3
    assert spec.searchable_widths["stage1.view"].default is None


def test_setting_a_default_width_writes_its_key() -> None:
    spec = spec_of(*USES, header=INVENTED)
    wider = spec.set({"stage1.edges": 7, "stage2.edges": 4, "stage1.out": 12})
    assert wider.text == spec.text.replace("out: 4, view: 6}", "out: 12, view: 6, edges: 7}").replace(
        "edges: 5", "edges: 4"
    )
    assert wider.widths == {**spec.widths, "stage1.edges": 7, "stage2.edges": 4, "stage1.out": 12}
    assert "stage1.skip.conv.weight" in wider.build().state_dict()  # the input is projected now
    assert NetworkSpec.from_text(wider.text).plan().macs == wider.plan().macs
    unchanged = spec.set({"stage1.edges": 3})
    assert unchanged.text == spec.text  # it is 3 without being written


def test_default_widths_of_layers_in_every_layout() -> None:
    blocks = "blocks: {b: {parameters: {w: {type: width, default: 3}}, body: [{type: conv, out: $w, kernel: 1}]}}\n"
    layers = (
        "{name: flow, type: b}  # comment",
        "name: lines\n    type: b\n    # comment",
        "&a {name: anchored, type: b}",
        "{<<: *a, name: merged}",
        "name: s\n    sequence:\n      - {type: b}\n      - type: b  # last\n",
        "{name: r, type: b, repeat: 2}",
    )
    spec = spec_of(*layers, header=blocks)
    names = ["flow.w", "lines.w", "anchored.w", "merged.w", "s.0.w", "s.1.w", "r.w"]
    assert spec.widths == dict.fromkeys(names, 3)
    wider = spec.set({name: 4 + position for position, name in enumerate(names)})
    assert list(wider.widths.values()) == [4, 5, 6, 7, 8, 9, 10]
    expected = spec.text
    for old, new in (
        ("{name: flow, type: b}", "{name: flow, type: b, w: 4}"),
        ("    type: b\n    # comment", "    type: b\n    w: 5\n    # comment"),
        ("{name: anchored, type: b}", "{name: anchored, type: b, w: 6}"),
        ("name: merged}", "name: merged, w: 7}"),
        ("- {type: b}", "- {type: b, w: 8}"),
        ("- type: b  # last\n", "- type: b  # last\n        w: 9\n"),
        ("type: b, repeat: 2}", "type: b, repeat: 2, w: 10}"),
    ):
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    assert wider.text == expected


def test_a_block_in_a_block_in_a_head() -> None:
    blocks = """\
blocks:
  outer: {parameters: {out: width}, body: [{name: a, type: inner, out: $out * 2}, {type: inner, out: $out}]}
  inner: {parameters: {out: width}, body: [{type: conv, out: $out, kernel: 1, bias: false}]}
"""
    more = "aux:\n  - {name: h, after: x.a, layers: [{type: outer, out: 3}, {type: global_avg_pool}, {type: flatten}, "
    spec = spec_of("{name: x, type: outer, out: 5}", header=blocks, more=more + "{type: linear, out: 4}]}\n")
    shapes = {key: tuple(tensor.shape[:2]) for key, tensor in spec.build().state_dict().items() if tensor.ndim == 4}
    assert shapes == {
        "x.a.0.conv.weight": (10, 4),
        "x.1.0.conv.weight": (5, 10),
        "h.0.a.0.conv.weight": (6, 10),
        "h.0.1.0.conv.weight": (3, 6),
    }
    assert spec.widths == {"x.out": 5, "h.0.out": 3}


def test_what_the_names_mean_in_a_body() -> None:
    blocks = """\
variables: {out: 100, scale: 3}
blocks:
  b:
    parameters: {out: width, kernel: {type: size, default: 3}, maybe: {type: width, optional: true}}
    body:
      - {name: first, type: conv, out: $out * $scale, kernel: $kernel, padding: $kernel // 2}
      - {name: second, type: conv, out: $in + $classes, kernel: 1}
      - {name: third, type: conv, out: $maybe, kernel: 1, when: $maybe != nothing}
"""
    spec = spec_of("{name: x, type: b, out: 2, kernel: [5, 5]}", "{name: y, type: b, out: 1, maybe: 9}", header=blocks)
    outputs = {op.name: op.output_shape[0] for op in spec.plan().ops if op.name.endswith(".conv")}
    assert outputs == {
        "x.first.conv": 6, "x.second.conv": 4 + 4,  # $in is what arrives at the block
        "y.first.conv": 3, "y.second.conv": 8 + 4, "y.third.conv": 9,
    }  # fmt: skip


# -- errors point into the block ---------------------------------------------------------------------------------------


def test_an_error_points_into_the_block_and_names_the_layer_that_used_it() -> None:
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of(USES[0], "{name: stage2, type: view, out: 8, view: 8, stride: [2, 1]}",
                header=INVENTED.replace("stride: $stride, when", "when"))  # fmt: skip
    assert str(caught.value) == (
        "mine.yaml:13:9  blocks.view.body.0\n"
        "  13 │       - add:\n"
        "     │         ^^^ branches of different shapes cannot be added: main 8 x 4 x 8, skip 8 x 8 x 8\n"
        "  in block view, used by stage2 (mine.yaml:29:26)\n"
        "1 error"
    )


def test_an_error_in_a_block_in_a_block_names_every_use() -> None:
    blocks = """\
blocks:
  inner:
    parameters: {size: size}
    body:
      - {name: pool, type: max_pool, kernel: $size}
  outer:
    parameters: {size: size}
    body:
      - {name: fine, type: inner, size: 1}
      - {name: wrong, type: inner, size: $size}
"""
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{name: a, type: outer, size: 9}", header=blocks)
    assert str(caught.value) == (
        "mine.yaml:7:46  blocks.inner.body.pool.kernel\n"
        "   7 │       - {name: pool, type: max_pool, kernel: $size}\n"
        "     │                                              ^^^^^ a window of 9 x 9 does not fit the input map of "
        "8 x 8\n"
        "  11 │       - {name: fine, type: inner, size: 1}\n"
        "  in block inner, used by wrong (mine.yaml:12:29)\n"
        "  in block outer, used by a (mine.yaml:14:21)\n"
        "1 error"
    )


def test_an_error_in_a_shipped_block_points_at_the_own_block_that_uses_it() -> None:
    blocks = "blocks:\n  b:\n    parameters: {k: size}\n    body:\n      - {type: conv, out: 3, kernel: $k}\n"
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{name: a, type: b, k: 9}", header=blocks)
    [problem] = caught.value.problems
    assert (problem.path, str(problem.where)) == ("blocks.b.body.0.kernel", "mine.yaml:7:38")
    assert problem.message == "a window of 9 x 9 does not fit the input map of 8 x 8"
    assert re.fullmatch(r"in block conv, blocks/conv\.yaml:\d+", problem.notes[0])
    assert problem.notes[1:] == ("in block b, used by a (mine.yaml:9:21)",)


BODIES = [
    ("{type: cnov, out: 3, kernel: 1}", "b.body.0.type", "unknown layer type 'cnov'; did you mean conv?"),
    ("{type: conv, kernel: 1}", "b.body.0.out", "conv needs 'out'"),
    ("{type: conv, out: 3, kernel: 1, strid: 2}", "b.body.0.strid",
     "unknown key 'strid' for conv; did you mean stride?"),
    ("{type: conv, out: $in / 8, kernel: 1}", "b.body.0.out", "found 0.5, expected an integer"),
    ("{type: conv, out: $in // 0, kernel: 1}", "b.body.0.out", "'$in // 0': divides by zero"),
    ("{type: conv, in: 3, out: 3, kernel: 1}", "b.body.0.in", "declares 3 input channels, but the input has 4"),
    ("{type: linear, out: 3}", "b.body.0",
     "a linear layer takes a vector, but its input is a map of 4 x 8 x 8; put a flatten before it"),
    ("{type: batch_norm, eps: 2}", "b.body.0.eps", "found 2, expected less than 1"),
    ("{type: identity, init: kaimin}", "b.body.0.init",
     "found the string 'kaimin', expected one of pytorch, kaiming, xavier, truncated_normal, normal, zeros; "
     "did you mean kaiming?"),
    ("{type: identity, repeat: $in - 9}", "b.body.0.repeat", "found -5, expected a number of repetitions: 0 to 10,000"),
    ("{type: identity, from: no}", "b.body.0.from", "no earlier member of this list is named 'no'"),
    ("{type: identity, repeat: 2, overrides: {2: {}}}", "b.body.0.overrides",
     "there is no repetition 2 of 2: they are counted from 0, or backwards from -1"),
]  # fmt: skip


@pytest.mark.parametrize(("member", "path", "message"), BODIES)
def test_mistakes_in_a_body(member: str, path: str, message: str) -> None:
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{name: a, type: b}", header=f"blocks:\n  b:\n    body:\n      - {member}\n")
    [problem] = caught.value.problems
    assert (problem.path, problem.message) == (f"blocks.{path}", message)
    assert problem.where is not None
    assert problem.where.line == 6
    assert problem.notes[-1] == "in block b, used by a (mine.yaml:8:21)"


# -- include -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_an_included_block_is_as_one_of_the_file(folder: Path) -> None:
    write("blocks.yaml", INVENTED)
    write("mine.yaml", text_of(*USES, header="include: blocks.yaml\n"))
    included, own = load("mine.yaml"), spec_of(*USES, header=INVENTED)
    assert weights(included) == weights(own)
    assert (included.plan().parameters, included.plan().macs) == (own.plan().parameters, own.plan().macs)
    assert included.widths == own.widths
    assert "edges: 7}" in included.set({"stage1.edges": 7}).text
    assert Path("blocks.yaml").read_text() == INVENTED


def test_an_error_in_an_included_block_names_its_file(folder: Path) -> None:
    write("specs/shared/blocks.yaml", INVENTED.replace("out: $view // 2", "out: $view / 4"))
    write("specs/mine.yaml", text_of(USES[0], header="include: shared/blocks.yaml\n"))
    with pytest.raises(SpecError, match="1 error") as caught:
        load("specs/mine.yaml")
    assert str(caught.value) == (
        "specs/shared/blocks.yaml:18:39  blocks.view.body.0.main.look.far.0.out\n"
        "  18 │                   - {type: conv, out: $view / 4, kernel: 1}\n"
        "     │                                       ^^^^^^^^^ found 1.5, expected an integer\n"
        "  // is integer division; / gives a float\n"
        "  in block view, used by stage1 (specs/mine.yaml:5:26)\n"
        "1 error"
    )


def test_mistakes_in_the_declarations_of_an_included_file_name_it(folder: Path) -> None:
    write("blocks.yaml", "blocks:\n  b: {parameters: {out: widht}, body: [{type: identity}]}\nname: x\n")
    write("mine.yaml", text_of("{name: a, type: b, out: 3}", header="include: blocks.yaml\n"))
    with pytest.raises(SpecError, match="2 errors") as caught:
        load("mine.yaml")
    assert [(str(problem.where), problem.path) for problem in caught.value.problems] == [
        ("blocks.yaml:2:25", "blocks.b.parameters.out.type"),
        ("blocks.yaml:3:1", "name"),
    ]
    assert caught.value.problems[1].message == "unknown key 'name' for an included file: it may contain only blocks"


def test_several_files_and_a_name_that_two_have(folder: Path) -> None:
    write("a.yaml", "blocks: {a: {body: [{type: identity}]}}\n")
    write("b.yaml", "blocks: {b: {body: [{type: batch_norm}]}}\n")
    uses = ("{name: x, type: a}", "{name: y, type: b}")
    write("mine.yaml", text_of(*uses, header="include: [a.yaml, b.yaml]\n"))
    assert weights(load("mine.yaml")) == ["y.0.weight"]
    write("mine.yaml", text_of(*uses, header="include: [a.yaml, b.yaml]\nblocks: {b: {body: [{type: identity}]}}\n"))
    with pytest.raises(SpecError, match="the block 'b' is defined twice") as caught:
        load("mine.yaml")
    assert [(str(problem.where), problem.path) for problem in caught.value.problems] == [("b.yaml:1:10", "blocks.b")]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("none.yaml", "no such file: none.yaml"),
        ("bloks.yaml", "no such file: bloks.yaml; did you mean blocks.yaml?"),
        ("../blocks.yaml", "'../blocks.yaml' is outside the folder of the spec, "),
        ("/etc/passwd", "'/etc/passwd' is outside the folder of the spec, "),
        ("sub", "no such file: sub"),
        ("3", "no such file: 3"),
        ("[blocks.yaml, ~]", "found nothing, expected a file name or the name of a shipped spec"),
        ("bad.yaml", "found a list, expected a mapping"),
    ],
)
def test_files_that_cannot_be_included(folder: Path, reference: str, message: str) -> None:
    write("specs/sub/x.yaml", "blocks: {}\n")
    write("specs/blocks.yaml", "blocks: {}\n")
    write("blocks.yaml", "blocks: {}\n")
    write("specs/bad.yaml", "[a]\n")
    write("specs/mine.yaml", text_of("{type: identity}", header=f"include: {reference}\n"))
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        load("specs/mine.yaml")
    [problem] = caught.value.problems
    assert problem.where is not None
    assert problem.where.source.name == ("specs/bad.yaml" if reference == "bad.yaml" else "specs/mine.yaml")


def test_a_text_has_no_folder_to_include_from() -> None:
    with pytest.raises(
        SpecError, match=r"'blocks\.yaml' is not a shipped spec, and a spec given as text has no folder to search"
    ):
        spec_of("{type: identity}", header="include: blocks.yaml\n")


# -- parameters --------------------------------------------------------------------------------------------------------


def use(declared: str, given: str, body: str = "{type: identity}") -> NetworkSpec:
    header = f"blocks: {{b: {{parameters: {{p: {declared}}}, body: [{body}]}}}}\n"
    return spec_of(f"{{name: a, type: b{f', p: {given}' if given else ''}}}", header=header)


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("width", "3"),
        ("width", "0"),
        ("integer", "-3"),
        ("float", "3"),
        ("float", "-2.5"),
        ("boolean", "false"),
        ("string", "no"),
        ("probability", "0"),
        ("probability", "0.99"),
        ("size", "3"),
        ("size", "[3, 1]"),
        ("padding", "same"),
        ("padding", "[[0, 1], 2]"),
        ("{type: integer, minimum: 2, maximum: 2}", "2"),
        ("{type: string, choices: [a, b]}", "b"),
        ("{type: float, choices: [1, 2.5]}", "1"),
        ("{type: integer, default: 3}", ""),
        ("{type: integer, optional: true}", ""),
        ("{type: size, default: [1, 2]}", "$in"),
        ("{type: width, default: 0}", ""),
    ],
)
def test_values_that_fit(declared: str, given: str) -> None:
    assert use(declared, given).plan().layers[0].name == "a"


WHOLE, PAIR = "expected an integer", "expected an integer, or two as [height, width]"


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ("width", "-1", "found -1, expected at least 0"),
        ("width", "1000001", "found 1000001, expected at most 1,000,000"),
        ("width", "1.5", f"found 1.5, {WHOLE}"),
        ("width", "true", f"found true, {WHOLE}"),
        ("integer", "x", f"found the string 'x', {WHOLE}"),
        ("integer", "2.0", f"found 2.0, {WHOLE}"),
        ("float", "x", "found the string 'x', expected a number"),
        ("float", "true", "found true, expected a number"),
        ("boolean", "1", "found 1, expected true or false"),
        ("boolean", "no", "found the string 'no', expected true or false"),
        ("string", "3", "found 3, expected a string"),
        ("string", "[a]", "found [a], expected a string"),
        ("probability", "1", "found 1, expected less than 1"),
        ("probability", "-0.1", "found -0.1, expected at least 0"),
        ("size", "0", "found 0, expected 1 to 100,000"),
        ("size", "[1, 2, 3]", f"found [1, 2, 3], {PAIR}"),
        ("padding", "-1", "found -1, expected 0 to 100,000"),
        ("{type: integer, minimum: 3}", "2", "found 2, expected at least 3"),
        ("{type: float, maximum: 0.5}", "0.6", "found 0.6, expected at most 0.5"),
        ("{type: width, minimum: 2}", "1", "found 1, expected at least 2"),
        ("{type: string, choices: [batch, none]}", "bach",
         "found the string 'bach', expected one of batch, none; did you mean batch?"),
        ("{type: integer, choices: [1, 3]}", "2", "found 2, expected one of 1, 3"),
        ("{type: integer, optional: true}", "x", f"found the string 'x', {WHOLE}"),
        ("{type: integer, default: 1}", "$in * 0.5", f"found 2.0, {WHOLE}"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(declared: str, given: str, message: str) -> None:
    with pytest.raises(SpecError, match="1 error") as caught:
        use(declared, given)
    [problem] = caught.value.problems
    assert (problem.path, problem.message) == ("layers.a.p", message)
    assert problem.where is not None
    assert problem.where.source.text[problem.where.span.start :].startswith(given)


def test_a_parameter_without_a_default_is_required_and_said() -> None:
    with pytest.raises(SpecError, match="1 error") as caught:
        use("{type: width, description: How wide.}", "")
    [problem] = caught.value.problems
    assert (problem.path, problem.message, problem.notes) == ("layers.a.p", "b needs 'p'", ("p: How wide.",))


def test_a_key_that_is_no_parameter() -> None:
    header = "blocks: {b: {parameters: {outer: width}, body: [{type: identity}]}}\n"
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{name: a, type: b, oter: 3}", header=header)
    [problem] = caught.value.problems
    assert problem.message == "unknown key 'oter' for b; did you mean outer?"
    assert problem.notes == ("its keys are outer",)


@pytest.mark.parametrize(
    ("declared", "path", "message"),
    [
        ("widht", "p.type", "found the string 'widht', expected one of width, integer, float, boolean, string, "
         "probability, size, padding, activation, name; did you mean width?"),
        ("{default: 3}", "p.type", "a parameter needs 'type'"),
        ("{type: width, defualt: 3}", "p.defualt", "unknown key 'defualt' for a parameter; did you mean default?"),
        ("{type: width, default: -1}", "p.default", "found -1, expected at least 0"),
        ("{type: integer, default: 1.5}", "p.default", f"found 1.5, {WHOLE}"),
        ("{type: integer, minimum: 3, default: 2}", "p.default", "found 2, expected at least 3"),
        ("{type: string, choices: [a, b], default: c}", "p.default", "found the string 'c', expected one of a, b"),
        ("{type: integer, choices: [1, a]}", "p.choices.1", f"found the string 'a', {WHOLE}"),
        ("{type: integer, choices: [1, 5], maximum: 4}", "p.choices.1", "found 5, expected at most 4"),
        ("{type: integer, choices: []}", "p.choices", "found [], expected at least 1 item"),
        ("{type: string, minimum: 3}", "p.minimum",
         "a string has no minimum; these have: width, integer, float, probability"),
        ("{type: size, maximum: 3}", "p.maximum",
         "a size has no maximum; these have: width, integer, float, probability"),
        ("{type: width, maximum: 2.5}", "p.maximum", f"found 2.5, {WHOLE}"),
        ("{type: float, minimum: 1, maximum: 0}", "p.maximum", "no value is at least 1 and at most 0"),
    ],
)  # fmt: skip
def test_declarations_that_cannot_be(declared: str, path: str, message: str) -> None:
    """They are one mistake, whether a layer uses the block or not."""
    for given in ("", "3"):
        with pytest.raises(SpecError, match="1 error") as caught:
            use(declared, given)
        [problem] = caught.value.problems
        assert (problem.path, problem.message) == (f"blocks.b.parameters.{path}", message)


@pytest.mark.parametrize("name", ["in", "name", "type", "from", "when", "repeat", "overrides", "init", "classes"])
def test_names_that_a_parameter_cannot_have(name: str) -> None:
    with pytest.raises(SpecError, match=f"'{name}' is not a valid parameter name: it is reserved"):
        spec_of(
            "{type: identity}", header=f"blocks: {{b: {{parameters: {{{name}: width}}, body: [{{type: identity}}]}}}}\n"
        )


@pytest.mark.parametrize("name", ["a-b", "a.b", "''", "a b"])
def test_names_that_no_value_could_refer_to(name: str) -> None:
    with pytest.raises(SpecError, match="is not a valid parameter name: use only letters, digits and _"):
        spec_of(
            "{type: identity}", header=f"blocks: {{b: {{parameters: {{{name}: width}}, body: [{{type: identity}}]}}}}\n"
        )


# -- definitions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "path", "message"),
    [
        ("b: 3", "b", "found 3, expected a block: a mapping with parameters and a body"),
        ("b: {}", "b.body", "a block needs a body: a list of layers"),
        ("b: {body: []}", "b.body", "a block needs a body: a list of layers"),
        ("b: {body: {type: identity}}", "b.body", "a block needs a body: a list of layers"),
        ("b: {bodi: [{type: identity}]}", "b.bodi", "unknown key 'bodi' for a block; did you mean body?"),
        ("b: {body: [{type: identity}], parameters: [p]}", "b.parameters",
         "found a list, expected names and types, such as {out: width, stride: size}"),
        ("b: {body: [{type: identity}], description: [p]}", "b.description", "found a list, expected a string"),
        ("b: {body: [3]}", "b.body.0", "found 3, expected a layer, such as {type: max_pool, kernel: 3}"),
        ("b: {body: [{typ: identity}]}", "b.body.0.typ", "unknown key 'typ'; did you mean type?"),
        ("b: {body: [{concat: {}}]}", "b.body.0", "a fork needs at least one branch"),
    ],
)  # fmt: skip
def test_definitions_that_cannot_be_are_one_mistake(block: str, path: str, message: str) -> None:
    for layer in ("{type: identity}", "{name: a, type: b}"):  # whether it is used or not
        with pytest.raises(SpecError, match="1 error") as caught:
            spec_of(layer, header=f"blocks:\n  {block}\n")
        [problem] = caught.value.problems
        found = problem.message.replace("found [p]", "found a list")
        assert (problem.path, found) == (f"blocks.{path}", message)


@pytest.mark.parametrize(
    ("name", "what"), [("conv", "shipped block"), ("inception", "shipped block"), ("linear", "layer type")]
)
def test_a_name_that_is_taken(name: str, what: str) -> None:
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{type: identity}", header=f"blocks: {{{name}: {{body: [{{type: identity}}]}}}}\n")
    [problem] = caught.value.problems
    assert problem.path == f"blocks.{name}"
    assert problem.message == f"'{name}' is already a {what}; choose another name"


def test_no_blocks_yet() -> None:
    assert spec_of("{type: identity}", header="blocks:\n  # soon\n").document.blocks == {}


@pytest.mark.parametrize(
    ("blocks", "chain", "line"),
    [
        ("  b:\n    body:\n      - {type: b}\n", "b -> b", 6),
        ("  b: {body: [{type: c}]}\n  c:\n    body: [{type: b}]\n", "b -> c -> b", 6),
        ("  b: {body: [{add: [[{sequence: [{type: c}]}], []]}]}\n  c:\n    body: [{type: b}]\n", "b -> c -> b", 6),
    ],
)
def test_a_block_cannot_stand_in_itself(blocks: str, chain: str, line: int) -> None:
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{name: a, type: b}", header=f"blocks:\n{blocks}")
    [problem] = caught.value.problems
    assert problem.message == f"a block cannot contain itself: {chain}"
    assert problem.where is not None
    assert problem.where.line == line


def test_blocks_that_grow_without_end_are_refused() -> None:
    blocks = "".join(f"  b{i}: {{body: [{{type: b{i + 1}}}, {{type: b{i + 1}}}]}}\n" for i in range(30))
    with pytest.raises(SpecError, match=f"the network has more than {MOST_OPS:,} operations here"):
        spec_of("{name: a, type: b0}", header=f"blocks:\n{blocks}  b30: {{body: [{{type: identity}}]}}\n")
    absent = "{body: [{type: identity, when: $in == 3}]}"
    with pytest.raises(SpecError, match=f"the network expands to more than {MOST_WORK:,} values here"):
        spec_of("{name: a, type: b0}", header=f"blocks:\n{blocks}  b30: {absent}\n")
    deep = "".join(f"  b{i}: {{body: [{{type: b{i + 1}}}]}}\n" for i in range(2 * DEEPEST))
    with pytest.raises(SpecError, match=f"members are nested more than {DEEPEST} levels deep here, including blocks"):
        spec_of("{name: a, type: b0}", header=f"blocks:\n{deep}  b{2 * DEEPEST}: {{body: [{{type: identity}}]}}\n")


@pytest.mark.parametrize(
    ("member", "path", "message"),
    [
        ("{type: conv, out: $oot, kernel: 1}", "0.out", "$oot is not known here; did you mean out?"),
        ("{type: conv, out: 3, kernel: [1, $k]}", "0.kernel", "$k is not known here"),
        ("{type: identity, when: $zz == 1}", "0.when", "$zz is not known here"),
        ("{type: identity, repeat: $zz}", "0.repeat", "$zz is not known here"),
        ("{type: conv, out: 3, kernel: 1, repeat: 2, overrides: {1: {out: $zz}}}", "0.out", "$zz is not known here"),
        ("{concat: {a: {type: identity, when: $zz}, b: []}}", "0.0.when", "$zz is not known here"),
        ("{add: [[{sequence: [{type: dropout, p: $zz}]}]]}", "0.0.0.0.p", "$zz is not known here"),
        ("{type: conv, out: $, kernel: 1}", "0.out", "'$': cannot read '$'"),
    ],
)
def test_a_name_that_is_not_known_is_found_in_a_block_that_nothing_uses(member: str, path: str, message: str) -> None:
    header = f"variables: {{known: 3}}\nblocks: {{b: {{parameters: {{out: width}}, body: [{member}]}}}}\n"
    with pytest.raises(SpecError, match="1 error") as caught:
        spec_of("{type: identity}", header=header)
    [problem] = caught.value.problems
    assert (problem.path, problem.message) == (f"blocks.b.body.{path}", message)


def test_names_that_are_known_everywhere() -> None:
    body = "{type: conv, out: $out + $in + $classes + $known, kernel: 1}"
    header = f"variables: {{known: 3}}\nblocks: {{b: {{parameters: {{out: width}}, body: [{body}]}}}}\n"
    assert spec_of("{name: a, type: b, out: 1}", header=header).plan().layers[0].output_shape[0] == 1 + 4 + 4 + 3


def test_the_shipped_blocks_are_used_as_ones_own() -> None:
    values: dict[str, Any] = {"out": 6, "kernel": 5}
    spec = spec_of(f"{{name: a, type: depthwise_separable, out: {values['out']}, kernel: {values['kernel']}}}")
    assert weights(spec) == ["a.depthwise.conv.weight", "a.pointwise.conv.weight"]
    assert f"{HEADER}layers:" in spec.text
    assert spec.text.endswith(END)
