"""Errors that a file brings out in the one that it extends: its own line is named first, whatever kind it is."""

import re
from pathlib import Path

import pytest
from spec.small_specs import text_of

from archbuilder import SpecError, load
from archbuilder.plan import causes
from archbuilder.spec.sources import shipped_names


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str) -> str:
    Path(path).write_text(text)
    return path


def faults(text: str, path: str = "mine.yaml") -> list[tuple[str, str, str]]:
    """Give place, path and message of every error of a file."""
    with pytest.raises(SpecError, match="error") as caught:
        load(write(path, text))
    return [(str(problem.where), problem.path, problem.message) for problem in caught.value.problems]


def places(text: str) -> list[str]:
    """Give the place of every error of a file, or none."""
    try:
        load(write("mine.yaml", text))
    except SpecError as error:
        return [str(problem.where) for problem in error.problems]
    return []


BLOCKS = "blocks: {unit: {parameters: {w: width}, body: [{type: conv, out: $w, kernel: 1}]}}\n"
BASE = text_of(
    "{name: a, type: conv, out: $v, kernel: 1}",
    "{name: b, type: unit, w: 6}",
    "{name: c, type: conv, out: 8, kernel: 3, padding: 1, groups: 2, repeat: 2, overrides: {1: {out: 4}}}",
    "{name: skip, add: [[{name: d, type: conv, out: 4, kernel: 1}], []]}",
    "{name: pool, type: max_pool, kernel: 6}",
    header=f"variables: {{v: 8}}\n{BLOCKS}",
    more="aux:\n  - {name: h, after: c, pool_output: 1}\n",
)

KINDS = [
    ("classes: 10", "classes", r"but fc has 4 outputs \(base\.yaml:13, extended by mine\.yaml:1\)"),
    ("input: {height: 4}", "input.height", r"breaks layers\.pool\.kernel: a window of 6 x 6 does not fit"),
    ("variables: {v: 0.5}", "variables.v", r"breaks layers\.a\.out: found 0\.5, expected an integer"),
    ("conv: {norm: group, norm_groups: 5}", "conv.norm_groups", "5 groups do not divide the 8 input channels"),
    ("depth: 0.5", "depth", r"breaks layers\.c\.overrides: there is no repetition 1 of 1"),
    ("width: 0.5\ndivisor: 1", "width", r"breaks layers\.c\.groups: 2 groups do not divide 3 input and 4 output"),
    ("blocks: {unit: {body: [{type: identity}]}}", "blocks.unit", r"breaks layers\.b\.w: unknown key 'w' for unit"),
    ("layers: {b: {w: 7}}", "layers.b.w", r"breaks layers\.c\.groups: 2 groups do not divide 7 input and 8 output"),
    ("layers: {b: {type: max_pool, kernel: 3}}", "layers.b.type", r"breaks layers\.pool\.kernel: a window of 6 x 6"),
    ("layers: {c: ~}", "layers.c", r"breaks layers\.skip: branches of different shapes"),
    ("layers: {skip: {add: {d: {out: 3}}}}", "layers.skip.add.d.out", r"breaks layers\.skip: branches of different"),
    ("aux: {h: {pool_output: 2, pool_kernel: x}}", "aux.h.pool_kernel", r"found the string 'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "message"), KINDS)
def test_the_line_that_brings_an_error_out_is_named_first(change: str, path: str, message: str) -> None:
    """And among others that have nothing to do with it."""
    write("base.yaml", BASE)
    others = "name: other\ndescription: x\ninit: kaiming\n"
    for text in (f"extends: base.yaml\n{change}\n", f"extends: base.yaml\n{others}{change}\n"):
        found = faults(text)
        assert all(where.startswith("mine.yaml:") for where, _, _ in found), found
        [(_, at, said), *_] = found
        assert (at, bool(re.search(message, said))) == (path, True), found


def test_a_number_of_classes_over_one_that_is_written() -> None:
    """The whole screen; heads with layers of their own have the same cause, and so no error of their own."""
    layers = "{type: global_avg_pool}, {type: flatten}, {name: out, type: linear, out: 4}"
    head = f"  - {{name: g, after: a, layers: [{layers}]}}\n"
    write("base.yaml", BASE + head)
    with pytest.raises(SpecError, match="classes") as caught:
        load(write("mine.yaml", "extends: base.yaml\nclasses: 10\n"))
    assert str(caught.value) == (
        "mine.yaml:2:10  classes\n"
        "  2 │ classes: 10\n"
        "    │          ^^ but fc has 4 outputs (base.yaml:13, extended by mine.yaml:1)\n"
        "  write `out: $classes` in fc, or change it here: layers: {fc: {out: 10}}\n"
        "  also breaks aux.g.layers.out.out (base.yaml:16): "
        "ends with a vector of 4, but 10 classes need a vector of 10\n"
        "1 error"
    )
    change = "layers: {fc: {out: 10}}\naux: {g: {layers: {out: {out: 10}}}}\n"
    plan = load(write("mine.yaml", f"extends: base.yaml\nclasses: 10\n{change}")).plan()
    assert [layer.output_shape for layer in (plan.layers[-1], *(head.layer for head in plan.heads))] == [(10,)] * 3


def test_lines_of_the_other_file_are_told_with_its_name() -> None:
    write("base.yaml", BASE)
    with pytest.raises(SpecError, match=r"breaks layers\.c\.groups: .*\n(.*\n)*  b\S* \(base\.yaml:7\) outputs 7\n"):
        load(write("mine.yaml", "extends: base.yaml\nlayers: {b: {w: 7}}\n"))


def test_several_lines_that_bring_an_error_out_together() -> None:
    write("base.yaml", BASE)
    text = "extends: base.yaml\nname: x\nlayers: {b: {w: 9}}\ninput: {channels: 1}\nconv: {bias: true}\n"
    [(where, path, message)] = faults(text)
    assert (where, path) == ("mine.yaml:3:17", "layers.b.w")
    text = "extends: base.yaml\nwidth: 0.5\ndivisor: 1\nlayers: {b: {w: 14}}\n"
    with pytest.raises(SpecError, match=r"together with divisor \(mine\.yaml:3:10\), layers\.b\.w \(mine\.yaml:4:17\)"):
        load(write("mine.yaml", text))
    assert message.startswith("breaks layers.c.groups: 2 groups do not divide 9 input")


def test_each_cause_has_its_error() -> None:
    write("base.yaml", BASE.replace("  - {name: skip,", "  # - {name: skip,"))
    found = faults("extends: base.yaml\nlayers: {c: ~, b: {kind: 3}}\nclasses: 10\n")
    assert [path for _, path, _ in found] == ["layers.c", "layers.b.kind"]
    found = faults("extends: base.yaml\nlayers: {c: ~}\nclasses: 10\n")
    assert [path for _, path, _ in found] == ["layers.c", "classes"]


def test_what_is_wrong_below_is_told_there() -> None:
    """A file that breaks what it extends is named, and not the file that extends it."""
    write("base.yaml", BASE)
    write("second.yaml", "extends: base.yaml\nclasses: 10\n")
    assert [where for where, _, _ in faults("extends: second.yaml\nname: x\nconv: {bias: false}\n")] == [
        "second.yaml:2:10"
    ]
    broken = BASE.replace("kernel: 6", "kernal: 6")
    write("base.yaml", broken)
    assert [where for where, _, _ in faults("extends: base.yaml\nclasses: 4\n")] == ["base.yaml:10:34"]


def test_too_much_to_plan_names_more_than_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    write("base.yaml", BASE)
    monkeypatch.setattr(causes, "MOST_TRIED", 1)
    text = "extends: base.yaml\nname: x\ninit: kaiming\nlayers: {b: {w: 9}}\n"
    [(where, path, message)] = faults(text)
    assert (where, path) == ("mine.yaml:2:7", "name")
    assert message.startswith("breaks layers.c.groups")
    with pytest.raises(SpecError, match=r"together with init \(mine\.yaml:3:7\), layers\.b\.w \(mine\.yaml:4:17\)"):
        load("mine.yaml")


def test_nothing_follows_from_what_is_wrong_itself() -> None:
    write("base.yaml", BASE)
    assert [message for _, _, message in faults("extends: base.yaml\nlayers: 3\n")] == [
        "found 3, expected a list of layers"
    ]


# -- shipped specs -----------------------------------------------------------------------------------------------------


def breaking(name: str) -> list[str]:
    """Write changes of every kind that break a shipped spec; those of layers each a few times."""
    plan = load(name).plan()
    heads = [head.name for head in plan.heads]
    layers = [layer.name for layer in plan.layers]
    taps = {head.after for head in plan.heads}
    changes = ["conv: {norm: group, norm_groups: 7}", "input: {channels: 3, height: 1, width: 1}", "depth: 0.0001"]
    changes += [f"layers: {{{layer}: ~}}" for layer in {*taps, "flatten"} & {*layers}]
    changes += [f"layers: {{{layer}: {{type: max_pool, kernel: 31, stride: 1}}}}" for layer in layers[1:-4:9]]
    changes += [f"layers: {{{layers[0]}: {{stride: 99}}}}", "width: 0.001\ndivisor: 3\nconv: {norm: group}"]
    changes += [f"aux: {{{head}: {{type: conv, out: 3, kernel: 99}}}}" for head in heads[:1]]
    return changes


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_the_first_place_is_in_the_file_that_breaks_a_shipped_spec(name: str) -> None:
    broken = {change: places(f"extends: {name}\nname: mine\n{change}\n") for change in breaking(name)}
    assert [change for change, where in broken.items() if any(not at.startswith("mine.yaml:") for at in where)] == []
    assert any(broken.values())


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_the_number_of_classes_alone_makes_a_shipped_spec_another(name: str) -> None:
    plan = load(write("mine.yaml", f"extends: {name}\nclasses: 7\n")).plan()
    assert [layer.output_shape for layer in (plan.layers[-1], *(head.layer for head in plan.heads))] == [(7,)] * (
        1 + len(plan.heads)
    )
