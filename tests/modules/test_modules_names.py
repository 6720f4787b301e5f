"""Whatever name a spec may give, wherever it may stand: the module is built, copied, pickled and exported."""

import copy
import keyword
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import archbuilder
from archbuilder.modules import Network, drop_heads, head_names
from archbuilder.modules.blocks import Composite, Series
from archbuilder.spec.names import name_fault

TORCH = (nn.Module(), nn.Sequential(), nn.ModuleDict(), nn.ModuleList(), nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))
OWN = (Network, Series, Composite, ())  # the last is what a named tuple of outputs is
WORDS = {name for owner in (*TORCH, *OWN) for name in dir(owner)} | {*keyword.kwlist, *keyword.softkwlist}
WORDS |= {"heads", "drop_heads", "path", "label", "logits", "module", "self", "x", "a-b", "a_b", "1x1", "0", "loss"}
TAKEN = sorted(word for word in WORDS if name_fault(word))
FREE = sorted(WORDS - set(TAKEN))

NORM = "{name: NAME, type: batch_norm}"
PLACES = {
    "layers": (NORM, "layers: [NAMED, REST]"),
    "repeated layers": ("{name: NAME, type: batch_norm, repeat: 2}", "layers: [NAMED, REST]"),
    "a sequence": (NORM, "layers: [{name: s, sequence: [NAMED]}, REST]"),
    "forks in a sequence": (
        "{name: NAME, add: [[{type: batch_norm}]]}",
        "layers: [{name: s, sequence: [NAMED]}, REST]",
    ),
    "a sequence with from": (
        "{name: NAME, from: [input], type: batch_norm}",
        "layers: [{name: s, sequence: [NAMED, {name: last, from: [heads, path], type: batch_norm}]}, REST]",
    ),
    "branches of a named fork": ("NAME: {type: batch_norm}", "layers: [{name: s, add: {NAMED}}, REST]"),
    "branches of a fork": ("NAME: [{type: batch_norm}, {type: identity}]", "layers: [{add: {NAMED}}, REST]"),
    "the body of a block": (NORM, "blocks: {unit: {body: [NAMED]}}\nlayers: [{name: u, type: unit}, REST]"),
}
"""A member by its name, and where such members stand."""

REST = "{name: gap_, type: global_avg_pool}, {name: flatten_, type: flatten}, {name: fc_, type: linear, out: 4}"
HEAD = "[{type: global_avg_pool}, {type: flatten}, {type: linear, out: 4}]"


def spec_text(place: str, names: list[str], heads: str = "") -> str:
    form, text = PLACES[place]
    named = ", ".join(form.replace("NAME", f"'{name}'") for name in names)
    layers = text.replace("NAMED", named).replace("REST", REST)
    return f"input: {{channels: 1, height: 2, width: 2}}\nclasses: 4\n{layers}\n{heads}"


def network_of(place: str, names: list[str], heads: str = "") -> tuple[Any, list[str]]:
    """Give a network, and the names of its operations that have weights."""
    spec = archbuilder.NetworkSpec.from_text(spec_text(place, names, heads))
    return spec.build(), [op.name for layer in spec.plan().all_layers() for op in layer.ops if op.parameters]


@pytest.mark.parametrize("place", PLACES)
def test_every_name_that_is_accepted_is_built_copied_and_pickled(place: str) -> None:
    network, planned = network_of(place, FREE)
    assert len(planned) > len(FREE)
    assert sorted({key.rpartition(".")[0] for key in network.state_dict()}) == sorted(planned)
    images = torch.rand(2, 1, 2, 2)
    expected = network.eval()(images)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(twin(images), expected)
        assert list(twin.state_dict()) == list(network.state_dict())


@pytest.mark.parametrize("place", [*PLACES, "heads"])
def test_every_other_name_is_refused(place: str) -> None:
    several = [word for word in TAKEN if not word.startswith("__")][:90]  # the checking ends after a hundred errors
    taken = "".join(f"  - {{name: '{name}', after: first, layers: {HEAD}}}\n" for name in several)
    text = spec_text("layers", ["first"], f"aux:\n{taken}") if place == "heads" else spec_text(place, several)
    with pytest.raises(archbuilder.SpecError, match=r"is reserved: every|is a Python keyword") as refused:
        archbuilder.NetworkSpec.from_text(text)
    found = {problem.message.split("'")[1] for problem in refused.value.problems}
    assert found >= {*several}


def test_every_identifier_may_name_a_head() -> None:
    names = [name for name in FREE if name.isidentifier() and not keyword.iskeyword(name)]
    names = [name for name in names if name not in ("logits", "count", "index")]
    heads = "".join(f"  - {{name: {name}, after: first, layers: {HEAD}}}\n" for name in names[:100])
    network, _ = network_of("layers", ["first"], f"aux:\n{heads}")
    fields = ("logits", *head_names(network))
    assert set(fields[1:]) == set(names[:100])
    for twin in (network, pickle.loads(pickle.dumps(network))):
        output = twin.train()(torch.rand(2, 1, 2, 2))
        assert output._fields == pickle.loads(pickle.dumps(output))._fields == fields
        drop_heads(twin)
        assert isinstance(twin(torch.rand(2, 1, 2, 2)), torch.Tensor)


def test_what_is_tapped_may_have_any_name() -> None:
    heads = f"aux: [{{name: early, after: s.append, layers: {HEAD}}}, {{name: late, after: s.path, layers: {HEAD}}}]"
    network, _ = network_of("a sequence", ["heads", "append", "path"], heads)
    assert network.train()(torch.rand(2, 1, 2, 2))._fields == ("logits", "late", "early")


@pytest.mark.parametrize("place", ["layers", "a sequence", "branches of a named fork"])
def test_names_that_torch_or_we_have_a_use_for_are_exported(place: str) -> None:
    """Some of each kind: to export every name takes seconds."""
    names = ["heads", "drop_heads", "path", "append", "pop", "items", "weight", "x", "self", "1x1", "a-b", "a_b"]
    assert set(names) <= set(FREE)
    network, _ = network_of(place, names)
    images = torch.rand(2, 1, 2, 2)
    program = torch.export.export(network.eval(), (images,))
    assert program.state_dict.keys() == network.state_dict().keys()
    torch.testing.assert_close(program.module()(images), network(images))


def test_a_sequence_is_torchs_own_unless_a_name_is_one_of_its_methods() -> None:
    assert isinstance(network_of("a sequence", ["one", "path", "items"])[0].s, nn.Sequential)
    network, planned = network_of("a sequence", ["one", "append"])
    assert planned[:2] == ["s.one", "s.append"]
    assert not isinstance(network.s, nn.Sequential)
