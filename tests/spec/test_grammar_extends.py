"""One spec from another: what is laid over what, which files may be read, and what is written back."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from spec.small_specs import spec_of, text_of, weights
from support.nested_specs import nested_specs

from archbuilder import ArchbuilderError, NetworkSpec, SpecError, load
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.primitives import BatchNorm
from archbuilder.spec.sources import shipped_names


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, text: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return path


def facts(plan: Plan) -> list[object]:
    """What two plans have to agree in."""
    layers = [(layer.name, layer.type, layer.output_shape, layer.parameters, layer.macs) for layer in plan.all_layers()]
    ops = [(op.name, op.inputs, op.output_shape) for layer in plan.all_layers() for op in layer.ops]
    heads = [(head.name, head.after, head.loss_weight, head.listed_before) for head in plan.heads]
    widths = {name: width.value for name, width in plan.searchable_widths.items()}
    return [plan.name, plan.input_shape, plan.classes, plan.init, layers, ops, heads, widths]


BASE = text_of(
    "{name: a, type: conv, out: 8, kernel: 1}  # the first",
    "{name: b, type: conv, in: 8, out: 6, kernel: 3, padding: 1}",
    "{name: s, sequence: [{type: conv, out: 5, kernel: 1}]}",
    "{name: r, type: conv, out: 4, kernel: 1, repeat: 2, overrides: {1: {out: 7}}}",
    header="conv: {norm: batch, eps: 0.01}\nvariables: {x: 3, y: $x}\n",
    more="aux:\n  - {name: h, after: b, channels: 4, hidden: 5, pool_output: 1}\n",
)


def extending(text: str, base: str = BASE) -> NetworkSpec:
    """Load a spec that extends another of the same folder."""
    write("base.yaml", base)
    return load(write("mine.yaml", f"extends: base.yaml\n{text}"))


def problems_of(text: str, path: str = "mine.yaml") -> list[tuple[str, str, str]]:
    with pytest.raises(SpecError, match="error") as caught:
        load(write(path, text))
    return [(str(problem.where), problem.path, problem.message) for problem in caught.value.problems]


# -- what is laid over what --------------------------------------------------------------------------------------------


def test_googlenet_with_batch_normalization_takes_three_lines() -> None:
    spec = load(write("mine.yaml", "extends: googlenet\nname: mine\nconv: {norm: batch}\n"))
    base = load("googlenet")
    assert spec.name == "mine"
    assert list(spec.widths.items()) == list(base.widths.items())
    keys, before = spec.build().state_dict(), base.build().state_dict()
    norms = [key for key in keys if re.search(r"\.bn\.weight$", key)]
    convolutions = [key for key in before if key.endswith("conv.weight")]
    assert len(norms) == len(convolutions) == 59
    assert [key for key in keys if ".bn." not in key] == [key for key in before if not key.endswith("conv.bias")]
    same = [layer.output_shape for layer in spec.plan().layers]
    assert same == [layer.output_shape for layer in base.plan().layers]


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_nothing_changed_is_the_same_network(name: str) -> None:
    spec = load(write("mine.yaml", f"extends: {name}\n"))
    assert facts(spec.plan()) == facts(load(name).plan())


def test_a_spec_by_path_is_the_same_network() -> None:
    assert facts(extending("").plan()) == facts(NetworkSpec.from_text(BASE, "mine.yaml").plan())


def test_the_name_is_that_of_the_extended_file_unless_given() -> None:
    assert extending("", f"name: other\n{BASE}").name == "other"
    assert extending("name: mine\n", f"name: other\n{BASE}").name == "mine"
    assert extending("").name == "mine"  # neither gives one


def test_sections_are_changed_key_by_key_and_other_values_replaced() -> None:
    conv = "conv: {eps: 0.1, activation: none}\n"
    more = "input: {height: 16}\nvariables: {x: 4}\ninit: zeros\nclasses: 6\nlayers: {fc: {out: 6}}\n"
    spec = extending(conv + more)
    header = spec.document.header
    norms = [op.op for op in spec.plan().ops if isinstance(op.op, BatchNorm)]
    assert {norm.eps for norm in norms} == {0.1}
    assert not any(op.op.type == "activation" and op.name.endswith(".activation") for op in spec.plan().ops)
    assert header.input.shape == (4, 16, 8)
    assert header.variables == {"x": 4, "y": "$x"}
    assert (header.init.type, header.classes) == ("zeros", 6)
    spec = extending("init: {std: 0.5}\n", f"init: {{type: normal, std: 0.1}}\n{BASE}")
    assert (spec.document.header.init.type, spec.document.header.init.std) == ("normal", 0.5)
    assert not any(isinstance(op.op, BatchNorm) for op in extending("conv: {norm: ~}\n").plan().ops)


def test_variables_and_conv_defaults_reach_the_layers_of_the_extended_file() -> None:
    base = text_of("{name: a, type: conv, out: $y * 2, kernel: 1}", header="variables: {x: 3, y: $x + 1}\n")
    assert extending("", base).plan().layers[0].output_shape[0] == 8
    assert extending("variables: {x: 5}\n", base).plan().layers[0].output_shape[0] == 12
    spec = extending("variables: {x: 5, z: 2}\nconv: {norm: batch}\nlayers: {a: {out: $z * $x}}\n", base)
    assert spec.plan().layers[0].output_shape[0] == 10
    assert weights(spec) == ["a.conv.weight", "a.bn.weight"]


def test_layers_and_heads_are_changed_by_name() -> None:
    spec = extending(
        "layers:\n  b: {kernel: 1, padding: 0, norm: none}\n  r: {repeat: 3}\naux:\n  h: {after: a, loss_weight: 1}\n"
    )
    assert weights(spec)[:4] == ["a.conv.weight", "a.bn.weight", "b.conv.weight", "s.0.conv.weight"]
    repeated = [op for op in spec.plan().ops if op.name.startswith("r.") and op.op.type == "convolution"]
    assert [op.output_shape[0] for op in repeated] == [4, 7, 4]
    [head] = spec.plan().heads
    assert (head.after, head.loss_weight) == ("a", 1)


def test_null_takes_out() -> None:
    spec = extending("layers: {a: ~, s: null}\naux: {h: ~}\n")
    assert [layer.name for layer in spec.plan().layers] == ["b", "r", "gap", "flat", "fc"]
    assert spec.plan().heads == ()
    assert extending("aux: ~\n").plan().heads == ()
    assert extending("aux: []\n").plan().heads == ()


def test_a_whole_list_replaces_the_other() -> None:
    layers = (
        "{name: new, type: conv, out: 3, kernel: 1}, {type: global_avg_pool}, {type: flatten}, {type: linear, out: 4}"
    )
    spec = extending(f"layers: [{layers}]\naux: ~\n")
    assert weights(spec) == ["new.conv.weight", "new.bn.weight", "3.weight"]


def test_blocks_are_taken_over_and_replaced_by_name() -> None:
    blocks = "blocks:\n  x: {body: [{type: batch_norm}]}\n  y: {body: [{type: batch_norm}]}\n"
    base = text_of("{name: a, type: x}", "{name: b, type: y}", header=blocks)
    assert weights(extending("", base)) == ["a.0.weight", "b.0.weight"]
    spec = extending(
        "blocks: {x: {body: [{type: identity}]}, z: {body: [{type: identity}]}}\nlayers: {b: {type: z}}\n", base
    )
    assert weights(spec) == []


def test_the_width_and_depth_of_the_extended_file_are_taken_over() -> None:
    base = text_of("{name: a, type: conv, out: 16, kernel: 1, repeat: 2}", header="width: 0.5\ndepth: 2\n")
    assert [op.output_shape[0] for op in extending("", base).plan().ops if op.op.type == "convolution"] == [8] * 4
    spec = extending("width: 1\ndepth: 1\n", base)
    assert [op.output_shape[0] for op in spec.plan().ops if op.op.type == "convolution"] == [16] * 2


def test_in_of_the_extended_file_follows() -> None:
    spec = extending("layers: {a: {out: 3}}\n")
    assert spec.build().get_submodule("b.conv").in_channels == 3
    assert extending("input: {channels: 1}\nlayers: {a: ~}\n").build().get_submodule("b.conv").in_channels == 1


def test_in_of_the_spec_itself_is_checked() -> None:
    found = problems_of("extends: base.yaml\nlayers: {b: {in: 9}}\n") if write("base.yaml", BASE) else []
    assert found == [("mine.yaml:2:18", "layers.b.in", "declares 9 input channels, but the input has 8")]
    with pytest.raises(SpecError, match=r"\n  a \(base\.yaml:6\) outputs 8\n"):
        load("mine.yaml")


# -- chains and cycles -------------------------------------------------------------------------------------------------


def test_a_chain_of_files_in_folders_below() -> None:
    write("sub/deep/blocks.yaml", "blocks: {unit: {body: [{type: batch_norm}]}}\n")
    write("sub/deep/c.yaml", text_of("{name: a, type: unit}", header="include: blocks.yaml\nname: c\n"))
    write("sub/b.yaml", "extends: deep/c.yaml\nlayers: {a: {repeat: 2}}\n")
    write("a.yaml", "extends: sub/b.yaml\nname: a\nlayers: {a: {repeat: 3}}\n")
    assert weights(load("sub/deep/c.yaml")) == ["a.0.weight"]
    assert weights(load("sub/b.yaml")) == ["a.0.0.weight", "a.1.0.weight"]
    assert weights(load("a.yaml")) == ["a.0.0.weight", "a.1.0.weight", "a.2.0.weight"]
    assert (load("sub/b.yaml").name, load("a.yaml").name) == ("c", "a")


def test_a_file_may_have_the_name_of_a_shipped_spec() -> None:
    write("googlenet.yaml", "extends: googlenet\nname: mine\n")
    assert load("googlenet.yaml").name == "mine"
    assert load(write("other.yaml", "extends: googlenet.yaml\n")).name == "mine"
    assert load(write("shipped.yaml", "extends: googlenet\n")).name == "googlenet"


@pytest.mark.parametrize(
    ("files", "where", "chain"),
    [
        ({"a": "a"}, "a.yaml:1:10", "a.yaml -> a.yaml"),
        ({"a": "b", "b": "a"}, "b.yaml:1:10", "a.yaml -> b.yaml -> a.yaml"),
        ({"a": "b", "b": "c", "c": "b"}, "c.yaml:1:10", "a.yaml -> b.yaml -> c.yaml -> b.yaml"),
    ],
)
def test_cycles(files: dict[str, str], where: str, chain: str) -> None:
    for name, base in files.items():
        write(f"{name}.yaml", f"extends: {base}.yaml\n")
    for path in ("a.yaml", str(Path("a.yaml").resolve())):
        with pytest.raises(SpecError, match="these files extend each other: ") as caught:
            load(path)
    assert problems_of("extends: a.yaml\n" if files == {"a": "a"} else Path("a.yaml").read_text(), "a.yaml") == [
        (where, "extends", f"these files extend each other: {chain}")
    ]
    assert len(caught.value.problems) == 1


def test_a_cycle_through_a_link() -> None:
    write("a.yaml", "extends: b.yaml\n")
    Path("b.yaml").symlink_to("a.yaml")
    with pytest.raises(SpecError, match=r"these files extend each other: a\.yaml -> b\.yaml"):
        load("a.yaml")


def test_a_chain_that_is_too_long() -> None:
    write("f0.yaml", BASE)
    for i in range(1, 40):
        write(f"f{i}.yaml", f"extends: f{i - 1}.yaml\n")
    assert load("f15.yaml").plan().layers
    with pytest.raises(SpecError, match="these files extend each other"):
        load("f39.yaml")


# -- which files may be read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["extends", "include"])
@pytest.mark.parametrize("path", ["../secret.yaml", "sub/../../secret.yaml", "{outside}/secret.yaml", "/etc/passwd"])
def test_paths_that_leave_the_folder(folder: Path, key: str, path: str) -> None:
    write("secret.yaml", BASE)
    Path("specs/sub").mkdir(parents=True)
    named = path.replace("{outside}", str(folder))
    found = problems_of(f"{key}: {named}\n", "specs/mine.yaml")
    message = f"{named!r} is outside the folder of the spec, {(folder / 'specs').resolve()}"
    assert found[0] == (f"specs/mine.yaml:1:{len(key) + 3}", key, message)
    assert len(found) == 1


@pytest.mark.parametrize("key", ["extends", "include"])
def test_links_that_lead_out_of_the_folder(folder: Path, key: str) -> None:
    write("outside/secret.yaml", BASE)
    Path("specs").mkdir()
    Path("specs/link.yaml").symlink_to(folder / "outside" / "secret.yaml")
    Path("specs/linked").symlink_to(folder / "outside")
    for name in ("link.yaml", "linked/secret.yaml"):
        found = problems_of(f"{key}: {name}\n", "specs/mine.yaml")
        assert [(path, message.partition(",")[0]) for _, path, message in found] == [
            (key, f"{name!r} is outside the folder of the spec")
        ]
        assert "conv" not in str(found)  # nothing of it is shown


def test_links_within_the_folder_are_followed() -> None:
    write("specs/real/base.yaml", BASE)
    Path("specs/link.yaml").symlink_to("real/base.yaml")
    assert load(write("specs/mine.yaml", "extends: link.yaml\n")).plan().layers


def test_a_file_below_cannot_reach_above_itself() -> None:
    write("base.yaml", BASE)
    write("sub/b.yaml", "extends: ../base.yaml\n")
    found = problems_of("extends: sub/b.yaml\n")
    assert [(where, path) for where, path, _ in found] == [("sub/b.yaml:1:10", "extends")]
    assert "'../base.yaml' is outside the folder of the spec" in found[0][2]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("bsae.yaml", "no such file: bsae.yaml; did you mean base.yaml?"),
        ("googlnet", "no such file: googlnet; did you mean googlenet?"),
        ("sub", "no such file: sub"),
        (".", "no such file: ."),
        ("''", "found the string '', expected a file name or the name of a shipped spec"),
        ("3", "no such file: 3"),
        ("~", "found nothing, expected a file name or the name of a shipped spec"),
        ("[base.yaml]", "found [base.yaml], expected a file name or the name of a shipped spec"),
        ('"a\\0b"', "'a\\x00b' is not a path"),
    ],
)
def test_files_that_are_not_there(reference: str, message: str) -> None:
    write("base.yaml", BASE)
    Path("sub").mkdir()
    found = problems_of(f"extends: {reference}\n")
    assert [(path, text.replace("found a list", "found [base.yaml]")) for _, path, text in found] == [
        ("extends", message)
    ]


def test_an_absurd_path_is_refused() -> None:
    [(_, path, message)] = problems_of(f"extends: {'a/' * 3000}b.yaml\n")
    assert path == "extends"
    assert re.search(r"no such file: a/a/|is not a path", message)


def test_files_that_are_no_spec() -> None:
    write("list.yaml", "- a\n")
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00")
    write("empty.yaml", "")
    write("broken.yaml", "layers: [\n")
    assert problems_of("extends: list.yaml\n")[0][0] == "list.yaml:1:1"
    assert problems_of("extends: broken.yaml\n")[0][0].startswith("broken.yaml:")
    [(where, path, message)] = problems_of("extends: bytes.yaml\n")
    assert (where, path) == ("mine.yaml:1:10", "extends")
    assert message.startswith("bytes.yaml: is not UTF-8 text")
    assert "empty.yaml: the file is empty" in problems_of("extends: empty.yaml\n")[0][2]


def test_a_text_may_extend_what_is_shipped_alone() -> None:
    spec = NetworkSpec.from_text("extends: inception_digits\nlayers: {conv1: {out: 8}}\n")
    assert spec.widths["conv1.out"] == 8
    with pytest.raises(
        SpecError, match=r"'base\.yaml' is not a shipped spec, and a spec given as text has no folder to search"
    ):
        NetworkSpec.from_text("extends: base.yaml\n")
    with pytest.raises(
        SpecError, match=r"a spec given as text has no folder to search; did you mean inception_digits\?"
    ):
        NetworkSpec.from_text("extends: inception_digit\n")


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "path", "message"),
    [
        ("layers: {aa: {out: 3}}", "2:10", "layers.aa", "the extended file has no member named 'aa'; did you mean a?"),
        ("layers: {zzzz: ~}", "2:10", "layers.zzzz", "the extended file has no member named 'zzzz'"),
        ("layers: {h: {after: a}}", "2:10", "layers.h", "the extended file has no member named 'h'"),
        ("aux: {a: {out: 3}}", "2:7", "aux.a", "the extended file has no member named 'a'"),
        ("layers: {a: 3}", "2:13", "layers.a", "found 3, expected the keys to change, or null to remove a"),
        ("layers: {a: [out, 3]}", "2:13", "layers.a",
         "found [out, 3], expected the keys to change, or null to remove a"),
        ("layers: {a: {name: z}}", "2:14", "layers.a.name",
         "the name of a cannot change: changes refer to members by name"),
        ("aux: {h: {name: z}}", "2:11", "aux.h.name", "the name of h cannot change: changes refer to members by name"),
        ("layers: {a: {out: x}}", "2:19", "layers.a.out", "found the string 'x', expected an integer"),
        ("layers: {a: {oot: 3}}", "2:14", "layers.a.oot", "unknown key 'oot' for conv; did you mean out?"),
        ("conv: {norms: x}", "2:8", "conv.norms", "unknown key 'norms' for conv; did you mean norm?"),
        ("input: 3", "2:8", "input", "found 3, expected a mapping"),
        ("clases: 3", "2:1", "clases", "unknown key 'clases' for a spec; did you mean classes?"),
        ("layers: 3", "2:9", "layers", "found 3, expected a list of layers"),
    ],
)  # fmt: skip
def test_mistakes_are_in_the_file_that_makes_them(text: str, where: str, path: str, message: str) -> None:
    write("base.yaml", BASE)
    found = [
        (place, at, said.replace("found a list", "found [out, 3]"))
        for place, at, said in problems_of(f"extends: base.yaml\n{text}\n")
        if not at.startswith("aux.h.after")
    ]
    assert found == [(f"mine.yaml:{where}", path, message)]


def test_mistakes_of_the_extended_file_are_in_it() -> None:
    write("specs/base.yaml", BASE.replace("kernel: 3, padding: 1", "kernal: 3"))
    [(where, path, _)] = problems_of("extends: base.yaml\n", "specs/mine.yaml")
    assert (where, path) == ("specs/base.yaml:7:42", "layers.b.kernal")
    [(where, path, message)] = problems_of("extends: googlenet\nlayers: {maxpool4: {kernel: 17}}\n")
    assert (where, path) == ("mine.yaml:2:29", "layers.maxpool4.kernel")
    why = "in ceil mode it may be larger by less than its stride"
    assert message == f"a window of 17 x 17 does not fit the input map of 14 x 14; {why}"


# -- writing back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "widths", "expected"),
    [
        ("", {"a.out": 9}, "layers:\n  a: {out: 9}\n"),
        ("name: mine\n", {"b.out": 9, "a.out": 3}, "name: mine\nlayers:\n  a: {out: 3}\n  b: {out: 9}\n"),
        ("layers: {a: {out: 3}}\n", {"a.out": 9}, "layers: {a: {out: 9}}\n"),
        ("layers: {a: {norm: none}}  # mine\n", {"a.out": 9}, "layers: {a: {norm: none, out: 9}}  # mine\n"),
        ("layers: {a: {norm: none}}\n", {"b.out": 9}, "layers: {a: {norm: none}, b: {out: 9}}\n"),
        ("layers:\n  a: {norm: none}\n", {"b.out": 9}, "layers:\n  b: {out: 9}\n  a: {norm: none}\n"),
        (
            "layers:\n  a:\n    norm: none  # mine\n",
            {"a.out": 9},
            "layers:\n  a:\n    norm: none  # mine\n    out: 9\n",
        ),
        ("aux: {h: {loss_weight: 1}}\n", {"h.hidden": 9}, "aux: {h: {loss_weight: 1, hidden: 9}}\n"),
        ("", {"h.hidden": 9, "h.channels": 3}, "aux:\n  h: {channels: 3, hidden: 9}\n"),
        ("", {"h.hidden": 9, "a.out": 3}, "layers:\n  a: {out: 3}\naux:\n  h: {hidden: 9}\n"),
        ("", {"r.out": 9}, "layers:\n  r: {out: 9}\n"),
        ("", {"a.out": 8, "h.hidden": 5}, ""),  # they are that already
    ],
)
def test_widths_are_written_as_overrides(text: str, widths: dict[str, int], expected: str) -> None:
    spec = extending(text)
    edited = spec.set(widths)
    assert edited.text == f"extends: base.yaml\n{expected}"
    assert edited.widths == {**spec.widths, **widths}
    assert Path("base.yaml").read_text() == BASE
    edited.save("mine.yaml")
    assert load("mine.yaml").widths == edited.widths
    assert facts(load("mine.yaml").plan()) == facts(edited.plan())


def test_widths_that_have_no_name_in_the_extended_file_write_all_of_it_out() -> None:
    spec = extending("conv: {norm: none}\nlayers: {b: {out: 3}}\n")
    for name, value in (("s.0.out", 9), ("r.1.out", 9)):
        edited = spec.set({name: value})
        assert "extends" not in edited.text
        assert edited.widths == {**spec.widths, name: value}
        edited.save("edited.yaml")
        assert facts(load("edited.yaml").plan())[1:] == facts(edited.plan())[1:]


def test_widths_of_a_line_without_an_end() -> None:
    edited = load(write("mine.yaml", "extends: googlenet")).set({"conv1.out": 32})
    assert edited.text == "extends: googlenet\nlayers:\n  conv1: {out: 32}\n"


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_any_width_of_a_shipped_spec_can_be_set_from_a_spec_that_extends_it(name: str) -> None:
    spec = load(write("mine.yaml", f"extends: {name}\n"))
    wanted = {name: value + 8 for name, value in list(spec.widths.items())[::7]}
    edited = spec.set(wanted)
    assert edited.widths == {**spec.widths, **wanted}
    assert facts(edited.plan())[1:] == facts(load(name).set(wanted).plan())[1:]


@given(nested_specs(), st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_extends_a_random_spec_is_as_free_as_the_spec_itself(values: dict[str, Any], data: st.DataObject) -> None:
    base = NetworkSpec.from_dict(values)
    write("base.yaml", base.text)
    spec = load(write("mine.yaml", "extends: base.yaml\n"))
    assert facts(spec.plan()) == facts(base.plan())
    names = data.draw(st.lists(st.sampled_from(sorted(base.widths)), unique=True)) if base.widths else []
    widths = {name: data.draw(st.integers(1, 9)) for name in names}
    assume(try_plan(base.document, widths)[0] is not None)
    edited = spec.set(widths)
    assert facts(edited.plan()) == facts(base.set(widths).plan())
    for path in ("beside.yaml", "elsewhere/standalone.yaml"):
        write(path, "")
        edited.save(path)
        assert facts(load(path).plan()) == facts(edited.plan())


# -- saving ------------------------------------------------------------------------------------------------------------


def test_saved_beside_what_it_extends_it_goes_on_extending(folder: Path) -> None:
    spec = extending("# mine\nlayers: {a: {out: 3}}\n")
    spec.save("copy.yaml")
    assert Path("copy.yaml").read_text() == spec.text
    spec.save(folder / "mine.yaml")
    assert Path("mine.yaml").read_text() == spec.text


def test_saved_elsewhere_all_of_it_is_written_out(folder: Path) -> None:
    write(
        "blocks.yaml",
        "blocks: {unit: {parameters: {w: {type: width, default: 3}}, body: [{type: conv, out: $w, kernel: 1}]}}\n",
    )
    base = BASE.replace("layers:\n", "include: blocks.yaml\nlayers:\n  - {name: u, type: unit}\n", 1)
    spec = extending(
        "name: mine\nconv: {norm: none}\nlayers: {a: {out: 3}, s: ~, u: {w: 7}}\naux: {h: {hidden: 3}}\n", base
    )
    Path("elsewhere").mkdir()
    spec.save("elsewhere/standalone.yaml")
    for path in ("base.yaml", "blocks.yaml", "mine.yaml"):
        Path(path).unlink()
    alone = load("elsewhere/standalone.yaml")
    assert facts(alone.plan()) == facts(spec.plan())
    assert "extends" not in alone.text
    assert "include" not in alone.text
    assert list(alone.build().state_dict()) == list(spec.build().state_dict())
    wider = alone.set({"a.out": 9, "u.w": 2})
    assert wider.widths == {**spec.widths, "a.out": 9, "u.w": 2}


def test_an_in_that_no_longer_holds_is_not_written_out() -> None:
    spec = extending("layers: {a: {out: 3}}\n")  # the base says in: 8 behind it
    Path("elsewhere").mkdir()
    spec.save("elsewhere/standalone.yaml")
    assert facts(load("elsewhere/standalone.yaml").plan())[1:] == facts(spec.plan())[1:]
    fork = text_of("{name: m, concat: {one: [{type: conv, in: 4, out: 2, kernel: 1}], out: []}}")
    spec = extending("input: {channels: 5}\n", fork)
    spec.save("elsewhere/fork.yaml")
    assert weights(load("elsewhere/fork.yaml")) == ["m.one.conv.weight"]


def test_what_extends_a_shipped_spec_stays_as_it_is_anywhere() -> None:
    spec = load(write("mine.yaml", "extends: googlenet  # comment\n"))
    Path("elsewhere").mkdir()
    spec.save("elsewhere/mine.yaml")
    assert Path("elsewhere/mine.yaml").read_text() == spec.text


def test_saving_into_a_folder_that_is_not_there() -> None:
    with pytest.raises(ArchbuilderError, match=r"none/x\.yaml: cannot be written: No such file or directory"):
        extending("").save("none/x.yaml")


# -- the width multiplier ----------------------------------------------------------------------------------------------


@given(
    width=st.floats(0.01, 4), divisor=st.integers(1, 16),
    widths=st.lists(st.integers(1, 600), min_size=3, max_size=3),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_multiplied_widths_are_rounded_as_mobilenets_are(width: float, divisor: int, widths: list[int]) -> None:
    assume(width != 1)  # then nothing is rounded
    first, second, third = widths
    body = "{type: convolution, out: $w, kernel: 1}, {type: convolution, out: 11, kernel: 1}"
    block = f"blocks: {{b: {{parameters: {{w: width}}, body: [{body}]}}}}\n"
    spec = spec_of(
        f"{{name: a, type: convolution, out: {first}, kernel: 1}}",
        f"{{name: b, type: b, in: {first}, w: {second}}}",
        "{name: c, type: convolution, out: $in + 2, kernel: 1}",
        f"{{name: d, sequence: [{{type: conv, out: {third}, kernel: 1}}]}}",
        header=f"width: {width!r}\ndivisor: {divisor}\n{block}",
    )
    found = [op.output_shape[0] for op in spec.plan().ops if op.op.type == "convolution"]
    for written, multiplied in ((first, found[0]), (second, found[1]), (third, found[4])):
        assert multiplied % divisor == 0
        assert multiplied >= divisor
        assert multiplied >= 0.9 * written * width
        assert multiplied <= max(divisor, written * width + divisor)  # the nearest, or the next
    assert found[2] == 11  # what stands in a block's body stays
    assert found[3] == 13  # and so does what follows from something else
    assert spec.plan().layers[-1].output_shape == (4,)  # and the classes
    assert spec.widths == {"a.out": first, "b.w": second, "d.0.out": third}  # widths keep what is written


@pytest.mark.parametrize(
    ("written", "width", "divisor", "expected"),
    [(32, 1, 8, 32), (33, 1, 8, 33), (32, 0.5, 8, 16), (24, 0.75, 8, 24), (16, 0.35, 8, 8), (96, 0.35, 8, 32),
     (160, 0.35, 8, 56), (3, 0.5, 8, 8), (3, 0.5, 1, 2), (12, 1.5, 8, 24), (10, 1.1, 4, 12)],
)  # fmt: skip
def test_multiplied_widths(written: int, width: float, divisor: int, expected: int) -> None:
    """As torchvision's and TensorFlow's MobileNets round them."""
    header = f"width: {width}\ndivisor: {divisor}\n"
    plan = spec_of(f"{{name: a, type: conv, out: {written}, kernel: 1}}", header=header).plan()
    assert plan.layers[0].output_shape[0] == expected


def test_a_width_of_0_stays_0() -> None:
    layer = "{name: i, type: inception, 1x1: 16, 3x3red: 0, 3x3: 16, 5x5red: 8, 5x5: 0, pool_proj: 32}"
    assert spec_of(layer, header="width: 0.5\n").plan().layers[0].output_shape[0] == 8 + 16


END_IN_A_SEQUENCE = (
    "  - {name: head, sequence: [{type: global_avg_pool}, {type: flatten}, {name: fc, type: linear, out: 4}]}\n"
)
END_WITH_MORE = (
    "  - {type: global_avg_pool}\n  - {type: flatten}\n  - {name: hidden, type: linear, out: 20}\n"
    "  - {name: fc, type: linear, out: 4}\n  - {type: rescale, scale: 0.5}\n  - {type: dropout}\n"
)
END_IN_A_FORK = (
    "  - {type: global_avg_pool}\n  - {type: flatten}\n  - {add: [[{name: x, type: linear, out: 4}], "
    "[{name: hidden, type: linear, out: 20}, {name: y, type: linear, out: 4, repeat: 2}]]}\n"
)


@pytest.mark.parametrize("end", [END_IN_A_SEQUENCE, END_WITH_MORE, END_IN_A_FORK])
def test_what_gives_the_classes_stays_wherever_it_stands(end: str) -> None:
    spec = spec_of("{name: a, type: conv, out: 16, kernel: 1}", header="width: 2\n", end=end)
    assert spec.plan().layers[-1].output_shape == (4,)
    assert set(spec.widths) == {"a.out"} | ({"hidden.out"} if "hidden" in end else set())
    hidden = [op.output_shape[0] for op in spec.plan().ops if op.name == "hidden"]
    assert hidden == ([40] if "hidden" in end else [])


def test_heads_are_multiplied_but_for_the_classes() -> None:
    head = "aux:\n  - {name: h, after: a, channels: 16, hidden: 24, pool_output: 1}\n"
    plan = spec_of("{name: a, type: conv, out: 16, kernel: 1}", header="width: 0.5\n", more=head).plan()
    shapes = {op.name: op.output_shape[0] for op in plan.heads[0].layer.ops}
    assert (shapes["h.conv.conv"], shapes["h.fc1"], shapes["h.fc2"]) == (8, 16, 4)


def test_widths_are_set_as_they_are_written_and_an_in_stays() -> None:
    layers = ("{name: a, type: conv, out: 16, kernel: 1}", "{name: b, type: conv, in: 16, out: 16, kernel: 1}")
    spec = spec_of(*layers, header="width: 0.5\n")
    wider = spec.set({"b.out": 32})
    assert wider.text == spec.text.replace("in: 16, out: 16", "in: 16, out: 32")
    assert wider.plan().layers[1].output_shape[0] == 16
    assert NetworkSpec.from_text(wider.text.replace("width: 0.5\n", "")).widths == wider.widths


def test_half_of_googlenet() -> None:
    half = load(write("half.yaml", "extends: googlenet\nwidth: 0.5\n")).plan()
    whole = load("googlenet").plan()
    assert [layer.name for layer in half.layers] == [layer.name for layer in whole.layers]
    assert 0.2 < half.macs / whole.macs < 0.3
    assert half.layers[-1].output_shape == whole.layers[-1].output_shape


def test_a_misspelled_extends_is_the_only_error() -> None:
    with pytest.raises(SpecError) as raised:
        NetworkSpec.from_text("extnds: googlenet\nname: mine\n")
    (problem,) = raised.value.problems
    assert problem.message == "unknown key 'extnds' for a spec; did you mean extends?"
