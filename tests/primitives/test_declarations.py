"""What a primitive declares is complete, and is what torch does."""

from math import prod
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

import archbuilder
from archbuilder.costs.memory import training_memory
from archbuilder.crosscheck.allocations import saved_for_backward
from archbuilder.crosscheck.check import cross_check
from archbuilder.modules.calls import make
from archbuilder.primitives import ACTIVATIONS, MERGES, PRIMITIVES, Merge, Primitive, Shape
from archbuilder.primitives.facts import PARAMETER, Same, Weight
from archbuilder.primitives.primitive import Elementwise, Uncounted, Weightless
from archbuilder.spec.blocks import shipped_block, shipped_blocks

MAP, VECTOR = (8, 6, 6), (8,)

EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "activation": [
        *({"function": name} for name in ACTIVATIONS),
        {"function": "leaky_relu", "negative_slope": 0.2},
    ],
    "convolution": [
        {"out": 6, "kernel": 3},
        {"out": 4, "kernel": [3, 1], "stride": 2, "padding": "same", "groups": 2, "bias": False},
        {"out": 16, "kernel": 3, "padding": [[1, 0], [0, 2]], "groups": 8},
        *({"out": 6, "kernel": 3, "padding": 1, "padding_mode": mode} for mode in ("reflect", "replicate", "circular")),
    ],
    "transposed_convolution": [
        {"out": 6, "kernel": 3},
        {"out": 4, "kernel": 4, "stride": [2, 3], "padding": 1, "output_padding": [0, 1], "groups": 2, "bias": False},
    ],
    "linear": [{"out": 5}, {"out": 5, "bias": False, "per_position": True}],
    "batch_norm": [{"scale": scale, "shift": shift} for scale in (True, False) for shift in (True, False)],
    "group_norm": [{"groups": 2}, {"groups": 4, "affine": False}],
    "layer_norm": [{}, {"affine": False}],
    "dropout": [{}],
    "stochastic_depth": [{"p": 0.2}],
    "rescale": [{"scale": 2.0}, {"scale": [1.0] * 8, "shift": [0.5] * 8}],
    "channel_shuffle": [{"groups": 4}],
    "softmax": [{}, {"over": "positions"}],
    "max_pool": [{"kernel": 2}, {"kernel": 3, "stride": 2, "padding": "same"}, {"kernel": 2, "padding": "same"}],
    "avg_pool": [
        {"kernel": 2},
        {"kernel": 3, "stride": 2, "padding": "same"},
        {"kernel": 3, "stride": 2, "padding": "same", "count_include_pad": False},
    ],
    "adaptive_avg_pool": [{"output": [2, 3]}],
    "adaptive_max_pool": [{"output": 4}],
    "spatial_mean": [{}, {"keepdim": True}],
    "upsample": [{"factor": 2}, {"factor": [2, 3], "mode": "bilinear"}, {"output": [9, 7]}],
    "scale": [{}, {"flat": True}],
    "slice": [{"channels": 3}, {"start": 2, "channels": 6}],
    "pixel_shuffle": [{"factor": 2}],
    "pixel_unshuffle": [{"factor": 3}],
}
"""Settings of each primitive that cover its branches; a primitive without keys needs none."""

CASES = [(type_, keys) for type_ in PRIMITIVES for keys in EXAMPLES.get(type_, [{}])]


def test_there_are_examples_of_every_primitive() -> None:
    assert EXAMPLES.keys() <= PRIMITIVES.keys()
    lacking = [
        name
        for name, kind in PRIMITIVES.items()
        if name not in EXAMPLES and any(field.is_required() for field in kind.model_fields.values())
    ]
    assert lacking == [], f"add settings of {', '.join(lacking)} to EXAMPLES"


def _declared(type_: str, keys: dict[str, Any]) -> tuple[Primitive, Shape]:
    op = PRIMITIVES[type_].model_validate(keys)
    return op, VECTOR if type_ == "linear" and "per_position" not in keys else MAP


def _spread(factors: torch.Tensor) -> torch.Tensor:
    """Return the factors of channels as a map is multiplied by them."""
    return factors.reshape(-1, 1, 1)


@pytest.mark.parametrize(("type_", "keys"), CASES)
def test_a_declaration_is_what_torch_does(type_: str, keys: dict[str, Any]) -> None:
    op, shape = _declared(type_, keys)
    made = (
        make(op.call(shape)) if op.call(shape).target != PARAMETER else nn.Parameter(torch.ones(op.call(shape).args[0]))
    )
    images = torch.rand(2, *shape)
    if isinstance(made, nn.Parameter):
        tensors = {"": made.shape}
        output = images * _spread(made)
    else:
        tensors = {name: tensor.shape for name, tensor in (*made.named_parameters(), *made.named_buffers())}
        output = made.eval()(images)
        saved = [weight.name for weight in op.weights(shape) if weight.saved]
        assert saved == list(made.state_dict())
        assert [w.name for w in op.weights(shape) if w.trained] == [name for name, _ in made.named_parameters()]
    assert tuple(output.shape[1:]) == op.output_shape(shape)
    for weight in op.weights(shape):
        assert len(weight.axes) == len(weight.shape)
        if weight.saved:
            assert tuple(tensors[weight.name]) == weight.shape
    assert op.parameters(shape) == (
        made.numel() if isinstance(made, nn.Parameter) else sum(p.numel() for p in made.parameters())
    )


@pytest.mark.parametrize(("type_", "keys"), CASES)
def test_a_window_is_what_a_position_depends_on(type_: str, keys: dict[str, Any]) -> None:
    """The gradient of one output position reaches no further than the declared window."""
    op, shape = _declared(type_, keys)
    if len(shape) == 1 or type_ in ("group_norm", "global_response_norm"):  # whose statistics are not counted
        return
    if keys.get("padding_mode") == "circular":  # which reaches around the map
        return
    output_shape = op.output_shape(shape)
    call = op.call(shape)
    made = make(call) if call.target != PARAMETER else _spread(torch.ones(call.args[0])).mul
    images = torch.rand(1, *shape, dtype=torch.float32).requires_grad_()
    made = made.eval() if isinstance(made, nn.Module) else made
    output = made(images)
    middle = output.reshape(1, output_shape[0], -1)[..., prod(output_shape[1:]) // 2]
    middle.sum().backward()
    assert images.grad is not None
    touched = images.grad.abs().sum(dim=(0, 1)).nonzero()
    reach = (touched.max(0).values - touched.min(0).values + 1).tolist() if len(touched) else [0, 0]
    window = op.window(shape, output_shape)
    assert all(found <= extent for found, extent in zip(reach, window.extent, strict=True)), (reach, window)


@pytest.mark.parametrize(("type_", "keys"), CASES)
def test_counts_and_memory_are_torchs(type_: str, keys: dict[str, Any]) -> None:
    """Behind a convolution, so that autograd keeps what it needs: fvcore, torch's counter, parameters and tensors."""
    op, shape = _declared(type_, keys)
    # What a norm or a linear of each position gives lies in another order, or is a view, which a flatten would copy.
    last = "spatial_mean" if type_ in ("layer_norm", "linear", "slice") else "flatten"
    ending = [] if len(op.output_shape(shape)) == 1 else [{"type": last}]
    before = [{"type": "convolution", "out": 8, "kernel": 1}] + ([{"type": "spatial_mean"}] if len(shape) == 1 else [])
    layers = [*before, {"type": type_, **keys}, *ending, {"type": "linear", "out": 3}]
    values = {"input": {"channels": 2, "height": 6, "width": 6}, "classes": 3, "layers": layers}
    spec = archbuilder.NetworkSpec.from_dict(values)
    checks = cross_check(spec.plan())
    assert [check for check in checks.checks if not check.equal] == []
    kept = training_memory(spec.plan(), batch=2).activations
    assert kept == saved_for_backward(spec.build(), spec.plan().input_shape, batch=2)


FPN = """\
input: {channels: 3, height: 13, width: 9}
output: map
layers:
  - {name: fine, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: coarse, type: conv, out: 4, kernel: 3, padding: 1, stride: 2}
  - {name: up, type: upsample, like: LIKE}
  - {name: sum, add: [up, fine]}
"""


def test_an_upsample_takes_the_size_of_an_earlier_place() -> None:
    spec = archbuilder.NetworkSpec.from_text(FPN.replace("LIKE", "fine"))
    assert spec.plan().output_shape == (4, 13, 9)
    assert spec.build()(torch.zeros(1, 3, 13, 9)).shape == (1, 4, 13, 9)


@pytest.mark.parametrize(
    ("like", "message"),
    [
        ("fin", "layers.up.like\n.*no earlier place is named 'fin'; did you mean fine?"),
        ("sum", "no earlier place is named 'sum'"),
        ("fine, factor: 2", "an upsample needs one of factor, output and like"),
    ],
)
def test_an_upsample_that_has_no_size_is_refused(like: str, message: str) -> None:
    with pytest.raises(archbuilder.SpecError, match=f"(?s){message.replace('?', '.')}"):
        archbuilder.NetworkSpec.from_text(FPN.replace("LIKE", like))


def test_every_merge_joins_tensors() -> None:
    tensors = [torch.full((2, 3, 4, 4), 2.0), torch.full((2, 3, 4, 4), 3.0)]
    from archbuilder.modules.blocks import MERGES as JOINED  # noqa: PLC0415

    assert set(JOINED) == set(MERGES)
    assert JOINED["concat"](tensors).shape == (2, 6, 4, 4)
    assert JOINED["add"](tensors).eq(5).all()
    assert JOINED["multiply"](tensors).eq(6).all()


def test_a_primitive_that_lacks_a_fact_cannot_be_defined() -> None:
    lacking = "counters, weights, macs, window, channels, call, allocations, kept"
    with pytest.raises(TypeError, match=f"the primitive Half \\(half\\) does not declare {lacking}"):

        class Half(Primitive):
            """Half of what a primitive needs."""

            type: ClassVar[str] = "half"
            widths: ClassVar[tuple[str, ...]] = ()

            def output_shape(self, input_shape: Shape) -> Shape:
                """Return the input shape."""
                return input_shape


def test_a_width_is_a_key() -> None:
    with pytest.raises(TypeError, match=r"the primitive Thin \(thin\) has no key 'iner', which is in `widths`"):

        class Thin(Elementwise, Weightless, Uncounted):
            """Misspells its width."""

            type: ClassVar[str] = "thin"
            widths: ClassVar[tuple[str, ...]] = ("iner",)


def test_a_primitive_needs_a_docstring_and_descriptions() -> None:
    with pytest.raises(TypeError, match="does not declare call, kept, a description of size, a docstring"):

        class Bare(Elementwise, Weightless, Uncounted):
            type: ClassVar[str] = "bare"
            size: int = 1


def test_a_merge_that_lacks_a_fact_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="the merge Maximum does not declare target, pairwise, keeps_operands"):

        class Maximum(Merge):
            """The maximum of branches."""

            type: ClassVar[str] = "maximum"


def test_mixins_are_no_primitives() -> None:
    assert isinstance(PRIMITIVES["identity"]().channels(MAP, MAP), Same)
    assert PRIMITIVES["identity"]().weights(MAP) == ()
    assert isinstance(PRIMITIVES["scale"]().weights(MAP)[0], Weight)


def test_a_word_means_one_thing() -> None:
    assert not set(PRIMITIVES) & set(shipped_blocks())
    assert not set(PRIMITIVES) & set(MERGES)


def test_every_parameter_is_described() -> None:
    for name in shipped_blocks():
        block = shipped_block(name)
        assert block is not None
        assert all(parameter.description for parameter in block.parameters.values()), name
