"""Members changed by name wherever they stand: in heads, sequences and branches; and layers made another type."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from spec.small_specs import text_of
from support.nested_specs import nested_specs

from archbuilder import NetworkSpec, SpecError, load
from archbuilder.primitives import MERGES, Primitive
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.keys import MEMBER_KEYS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


BASE = text_of(
    "{name: s, sequence: [{name: a, type: conv, out: 8, kernel: 1}, "
    "{name: t, sequence: [{name: b, type: batch_norm}]}]}",
    "{add: [[{name: x, type: conv, out: 8, kernel: 1}, {name: y, type: batch_norm}], {name: z, type: identity}]}",
    "{name: m, concat: {one: [{type: conv, out: 2, kernel: 1}], two: [{name: q, type: conv, out: 3, kernel: 1}, "
    "{name: r, type: batch_norm}], three: {type: conv, out: 4, kernel: 1}, four: ~}}",
    "{name: c, type: conv, out: 6, kernel: 3, padding: 1, stride: 2, repeat: 2, overrides: {1: {stride: 1}}}",
    header="blocks: {pair: {parameters: {w: width, stride: {type: size, default: 1}}, body: "
    "[{type: conv, out: $w, kernel: 1, stride: $stride}]}}\n",
    more="aux:\n  - {name: h, after: m, pool_output: 1}\n  - name: g\n    after: c\n    layers: [{name: gap, type: "
    "global_avg_pool}, {name: flat, type: flatten}, {name: mid, sequence: [{name: lin, type: linear, out: 9}]}, "
    "{name: fc, type: linear, out: 4}]\n",
)


def extending(text: str) -> NetworkSpec:
    Path("base.yaml").write_text(BASE)
    Path("mine.yaml").write_text(f"extends: base.yaml\n{text}\n")
    return load("mine.yaml")


def widths(spec: NetworkSpec) -> dict[str, int]:
    """Give what leaves every convolution and linear layer, by name."""
    kinds = ("convolution", "linear")
    ops = {op.name: op.output_shape[0] for op in spec.plan().ops if op.op.type in kinds}
    heads = [op for head in spec.plan().heads for op in head.layer.ops]
    return ops | {op.name: op.output_shape[0] for op in heads if op.op.type in kinds}


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("layers: {s: {sequence: {a: {out: 5}}}, x: ~}", {"s.a.conv": 5, "x.conv": None}),
        ("layers: {z: {type: conv, out: 8, kernel: 1}}", {"z.conv": 8}),
        ("layers: {m: {concat: {one: {out: 5}}}}", {"m.one.conv": 5}),  # the branch is its one layer
        ("layers: {m: {concat: {two: {q: {out: 5}}}}}", {"m.two.q.conv": 5}),
        ("layers: {m: {concat: {three: {out: 5}}}}", {"m.three.conv": 5}),
        ("layers: {m: {concat: {one: ~, two: ~}}}", {"m.one.conv": None, "m.two.q.conv": None}),
        ("layers: {m: {concat: {four: [{type: conv, out: 7, kernel: 1}]}}}", {"m.four.conv": 7}),
        ("layers: {m: {concat: {two: []}}}", {"m.two.q.conv": None}),
        ("layers: {x: ~}", {"x.conv": None}),
        ("aux: {g: {layers: {mid: {sequence: {lin: {out: 5}}}}}}", {"g.mid.lin": 5}),
        ("aux: {g: {loss_weight: 1, layers: {mid: ~}}}", {"g.mid.lin": None}),
        ("layers: {c: {type: pair, w: 5}}", {"c.0.0.conv": 5, "c.1.0.conv": 5, "c.0.conv": None, "c.1.conv": None}),
        ("layers: {c: {type: max_pool}}", {"c.0.conv": None, "c.1.conv": None}),  # its kernel and stride stay
        ("layers: {s: {type: conv, out: 8, kernel: 1}}", {"s.conv": 8, "s.a.conv": None}),
        ("layers: {c: {sequence: [{name: i, type: conv, out: 6, kernel: 1, stride: 2}], repeat: 1}}",
         {"c.0.i.conv": 6, "c.0.conv": None, "c.1.conv": None}),
        ("layers: {c: {add: [[{name: i, type: conv, out: 17, kernel: 1}], []]}}",
         {"c.0.i.conv": 17, "c.1.i.conv": 17, "c.0.conv": None, "c.1.conv": None}),
        ("aux: {h: {layers: [{type: global_avg_pool}, {type: flatten}, {name: o, type: linear, out: 4}]}}",
         {"h.conv.conv": None, "h.fc1": None, "h.fc2": None, "h.o": 4}),
        ("layers: {x: ~, s.a: {out: 5}, m.two.q: {out: 7}, m.one: {out: 9}}",
         {"x.conv": None, "s.a.conv": 5, "m.two.q.conv": 7, "m.one.conv": 9}),
        ("layers: {s.t: ~, m.one: ~}", {"m.one.conv": None}),
        ("layers: {m.two: [{type: conv, out: 5, kernel: 1}]}", {"m.two.q.conv": None, "m.two.conv": 5}),
        ("layers: {c.1: {out: 9}}", {"c.1.conv": 9}),
        ("layers: {c.0: {out: 9}, c.1: {out: 7, stride: 2}}", {"c.0.conv": 9, "c.1.conv": 7}),
        ("aux: {g.mid.lin: {out: 5}}", {"g.mid.lin": 5}),
        ("aux: {g.mid: ~}", {"g.mid.lin": None}),
        ("layers: {s.t.b: {type: conv, out: 8, kernel: 1}}", {"s.t.b.conv": 8}),
        ("layers: {n: {after: s, type: conv, out: 8, kernel: 1}}", {"n.conv": 8}),
        ("layers: {n: {before: s, type: conv, out: 9, kernel: 1}}", {"n.conv": 9}),
        ("layers: {s.n: {before: a, type: conv, out: 9, kernel: 1}, s.t: ~}", {"s.n.conv": 9}),
        ("layers: {n: {after: s, type: conv, out: 9, kernel: 1}, k: {after: n, type: conv, out: 8, kernel: 1}}",
         {"n.conv": 9, "k.conv": 8}),
        ("layers: {m.two.n: {after: q, sequence: [{name: i, type: conv, out: 9, kernel: 1}]}}", {"m.two.n.i.conv": 9}),
        ("aux: {g.n: {before: fc, type: linear, out: 11}}", {"g.n": 11}),
        ("aux: {k: {after: c, layers: [{type: global_avg_pool}, {type: flatten}, {name: o, type: linear, out: 4}]}}",
         {"k.o": 4}),
        ("layers: {c: {padding: ~, stride: 1}}", {}),
        ("aux: {g: {type: aux_head, pool_output: 1}}",
         {"g.mid.lin": None, "g.fc": None, "g.conv.conv": 128, "g.fc1": 1024, "g.fc2": 4}),
    ],
)  # fmt: skip
def test_members_are_changed_by_name_wherever_they_stand(text: str, changed: dict[str, int | None]) -> None:
    """All else stays as it was, also where all of it is written out."""
    expected = {name: width for name, width in (widths(extending("")) | changed).items() if width is not None}
    spec = extending(text)
    assert widths(spec) == expected
    assert widths(NetworkSpec.from_text(spec.document.written_out)) == expected


def test_several_changes_of_one_list_are_one_network() -> None:
    spec = extending("layers:\n  s: {sequence: {a: {out: 5}, t: {sequence: {b: ~}}}}\n  x: {out: 5}\n  y: ~\n")
    assert "s.t.b" not in [op.name for op in spec.plan().ops]
    wider = spec.set({"s.a.out": 7, "x.out": 7})
    assert wider.text == spec.text.replace("out: 5", "out: 7")  # where the file has written them


NAMED = "of the extended file has no member named"


@pytest.mark.parametrize(
    ("text", "path", "message", "note"),
    [
        ("layers: {s: {sequence: {aa: {out: 5}}}}", "layers.s.sequence.aa", f"s {NAMED} 'aa'; did you mean a?", ""),
        ("layers: {s: {sequence: {zzz: ~}}}", "layers.s.sequence.zzz", f"s {NAMED} 'zzz'", "its names are a, t"),
        ("layers: {a: {out: 5}}", "layers.a", "the extended file has no member named 'a'",
         "a member of that name is nested deeper: write s.a"),
        ("layers: {h: ~}", "layers.h", "the extended file has no member named 'h'",
         "h is defined under aux: change it there"),
        ("aux: {c: ~}", "aux.c", "the extended file has no member named 'c'",
         "c is defined under layers: change it there"),
        ("layers: {b: {eps: 0.1}}", "layers.b", "the extended file has no member named 'b'",
         "a member of that name is nested deeper: write s.t.b"),
        ("layers: {s.b: {eps: 0.1}}", "layers.s.b", f"s {NAMED} 'b'",
         "a member of that name is nested deeper: write s.t.b"),
        ("layers: {s.t.bb: {eps: 0.1}}", "layers.s.t.bb", f"s.t {NAMED} 'bb'; did you mean b?", ""),
        ("layers: {ss.t.b: {eps: 0.1}}", "layers.ss.t.b", "the extended file has no member named 'ss'", ""),
        ("layers: {c.conv: {out: 5}}", "layers.c.conv", "c is a conv: it has no members that could be changed", ""),
        ("layers: {m.four.x: {out: 5}}", "layers.m.four.x",
         "the branch m.four has no layers to change: a list of layers replaces it", ""),
        ("layers: {c.5: {out: 5}}", "layers.c.overrides",
         "there is no repetition 5 of 2: they are counted from 0, or backwards from -1", ""),
        ("layers: {c.1: 5}", "layers.c.1", "found 5, expected the keys to change", ""),
        ("layers: {c: {padding: ~, paddin: ~}}", "layers.c.paddin",
         "c does not set 'paddin'; did you mean padding?", ""),
        ("layers: {n: {type: batch_norm}}", "layers.n", "the extended file has no member named 'n'",
         "a new member says where it is inserted: after: or before: the name of another"),
        ("layers: {n: {after: xx, type: batch_norm}}", "layers.n.after",
         "the extended file has no member named 'xx'", ""),
        ("layers: {s.n: {before: aa, type: batch_norm}}", "layers.s.n.before",
         f"s {NAMED} 'aa'; did you mean a?", ""),
        ("layers: {n: {before: s, after: z, type: batch_norm}}", "layers.n",
         "found after and before, expected one of them", ""),
        ("layers: {n: {after: s, name: k, type: batch_norm}}", "layers.n.name", "the name of n is its key", ""),
        ("layers: {s: {a: {out: 5}}}", "layers.s.a", "a is a member inside s, not a key of it",
         "write s.a"),
        ("layers: {m: {concat: {on: {out: 5}}}}", "layers.m.concat.on", f"m {NAMED} 'on'; did you mean one?", ""),
        ("layers: {m: {concat: {two: {p: {out: 5}}}}}", "layers.m.concat.two.p", f"m.two {NAMED} 'p'",
         "its names are q, r"),
        ("layers: {m: {concat: {one: 3}}}", "layers.m.concat.one",
         "found 3, expected what to change in one, a list of layers, or null", ""),
        ("layers: {m: {concat: {four: {out: 5}}}}", "layers.m.concat.four",
         "the branch four has no layers to change: a list of layers replaces it", ""),
        ("layers: {s: {sequence: {a: 3}}}", "layers.s.sequence.a",
         "found 3, expected the keys to change, or null to remove a", ""),
        ("layers: {s: {sequence: {a: {name: z}}}}", "layers.s.sequence.a.name",
         "the name of a cannot change: changes refer to members by name", ""),
        ("layers: {c: {sequence: {a: {out: 5}}}}", "layers.c.sequence",
         "c is a conv: it has no list 'sequence' whose members could be changed",
         "a list under 'sequence' replaces it"),
        ("aux: {h: {layers: {fc2: {out: 5}}}}", "aux.h.layers",
         "h is an aux_head: it has no list 'layers' whose members could be changed",
         "its keys are pool_kernel, pool_stride, pool_output, channels, hidden, dropout_fc1, dropout_fc2"),
        ("aux: {g: {fc: {out: 4}}}", "aux.g.fc", "fc is a member inside g, not a key of it",
         "write g.fc"),
        ("layers: {c: {type: max_pol}}", "layers.c.type", "unknown layer type 'max_pol'; did you mean max_pool?", ""),
        ("layers: {c: {type: max_pool, kernl: 3}}", "layers.c.kernl",
         "unknown key 'kernl' for max_pool; did you mean kernel?", ""),
        ("layers: {s: {type: conv, out: 8}}", "layers.s.kernel", "conv needs 'kernel'", ""),
    ],
)  # fmt: skip
def test_mistakes_in_changes_by_name(text: str, path: str, message: str, note: str) -> None:
    with pytest.raises(SpecError, match=r"1 error$") as caught:
        extending(text)
    [problem] = caught.value.problems
    assert str(problem.where).startswith("mine.yaml:2:")
    assert (problem.path, problem.message) == (path, message)
    assert not note or note in problem.notes, problem.notes


Where = tuple[Any, ...]
"""The keys and positions that lead to a member in a tree of plain data."""


def reachable(members: Any, where: Where, prefix: str = "", *, numbered: bool = True) -> Iterator[tuple[str, Where]]:
    """Give the dotted name of every member that has one, and where it stands."""
    for position, item in enumerate(members if isinstance(members, list) else [members]):
        at = (*where, position) if isinstance(members, list) else where
        label = item.get("name") or (str(position) if numbered else None)
        merge = next((key for key in MERGES if key in item), None)
        numbered = numbered and not ({"when", "splice"} | (set() if "name" in item else {"repeat"})) & item.keys()
        inner = prefix if merge and "name" not in item else f"{prefix}{label}."
        if label and not (merge and "name" not in item):
            yield f"{prefix}{label}", at
        if (label is None and not merge) or ("repeat" in item and "name" not in item):
            continue
        if "sequence" in item:
            yield from reachable(item["sequence"], (*at, "sequence"), inner)
        branches = item[merge] if merge else []
        for name, branch in branches.items() if isinstance(branches, dict) else ():
            alone = isinstance(branch, dict) or len(branch or []) == 1
            if branch and not (alone and "type" in (branch if isinstance(branch, dict) else branch[0])):
                yield from reachable(branch, (*at, merge, name), f"{inner}{name}.")
        for number, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield from reachable(branch, (*at, merge, number), inner, numbered=False)


def at(tree: Any, where: Where) -> Any:
    for key in where:
        tree = tree[key]
    return tree


def written_out(values: dict[str, Any], where: Where, edit: str) -> dict[str, Any] | None:
    """Make an edit in the file itself; None where it cannot be."""
    tree = deepcopy(values)
    item, around, last = at(tree, where), at(tree, where[:-1]), where[-1]
    if not isinstance(around, list):
        return None
    if edit == "remove":
        del around[last]
    elif edit == "init":
        item["init"] = "zeros"
    elif edit == "type":
        kept = {key: value for key, value in item.items() if key in {*MEMBER_KEYS, "in", "init", "overrides"}}
        around[last] = kept | {"type": "identity"}
    elif edit == "insert":
        around.insert(last + 1, {"name": "extra", "type": "batch_norm"})
    return tree


def facts(text: str, path: str) -> object:
    """Give what two networks have to agree in; of one that is wrong, that it is."""
    Path(path).write_text(text)
    try:
        plan = load(path).plan()
    except SpecError:
        return "wrong"
    ops = [op for layer in plan.all_layers() for op in layer.ops]
    heads = [(head.name, head.after, head.loss_weight) for head in plan.heads]
    kinds = [op.op if isinstance(op.op, Primitive) else op.op.type for op in ops]
    return [(op.name, op.inputs, op.output_shape, kind, op.init) for op, kind in zip(ops, kinds, strict=True)], heads


@given(nested_specs(), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_change_by_dotted_name_is_the_file_with_the_change_written_in_it(
    values: dict[str, Any], data: st.DataObject
) -> None:
    name, where = data.draw(st.sampled_from(list(reachable(values["layers"], ("layers",)))))
    edit = data.draw(st.sampled_from(["remove", "init", "type", "insert"]))
    item = at(values, where)
    assume(edit in ("remove", "insert") or "type" in item)
    assume(edit != "insert" or "name" in item)
    changed = written_out(values, where, edit)
    if changed is None:
        reject()
    Path("base.yaml").write_text(to_yaml(values))
    scope = name.rpartition(".")[0]
    changes: dict[str, dict[str, Any]] = {
        "remove": {name: None},
        "init": {name: {"init": "zeros"}},
        "type": {name: {"type": "identity"}},
        "insert": {f"{scope}.extra".strip("."): {"after": item.get("name"), "type": "batch_norm"}},
    }
    mine = to_yaml({"extends": "base.yaml", "layers": changes[edit]})
    assert facts(mine, "mine.yaml") == facts(to_yaml(changed), "written.yaml"), f"{edit} {name}"
