"""Words, names and heads: what is written but means nothing."""

import pytest
from spec.marked import CLASSIFIER, CONV, HEADER, check, network, problems_of, unmark

from archbuilder.primitives import ACTIVATIONS, PRIMITIVES
from archbuilder.spec.blocks import shipped_blocks

# -- words -----------------------------------------------------------------------------------------------------------


def test_unknown_key_that_is_nearly_right() -> None:
    error = check(
        network("{name: c, type: conv, out: 8, kernel: 3, «paddin»: 1}"),
        ("layers.c.paddin", "unknown key 'paddin' for conv; did you mean padding?"),
    )
    keys = "out, kernel, stride, padding, dilation, groups, norm, norm_groups, activation, bias, eps, momentum, "
    keys += "conv_name, norm_name, activation_name"
    assert f"\n  its keys are {keys}\n" in error


def test_a_needed_key_that_is_nearly_right_is_one_mistake() -> None:
    check(
        network("{name: c, type: conv, out: 8, «kernal»: 3}"),
        ("layers.c.kernal", "unknown key 'kernal' for conv; did you mean kernel?"),
    )


def test_unknown_key_that_is_like_nothing() -> None:
    check(
        network("{name: c, type: conv, out: 8, kernel: 3, «'q[z'»: 1}"), ("layers.c.q[z", "unknown key 'q[z' for conv")
    )


def test_unknown_keys_of_the_header_say_whose_they_are() -> None:
    header = HEADER.replace("width: 32", "width: 32, «depth»: 1") + "conv: {«Norm»: none}\n«clases»: 3\n"
    check(
        network(header=header),
        ("input.depth", "unknown key 'depth' for input; did you mean width?"),
        ("conv.Norm", "unknown key 'Norm' for conv; did you mean norm?"),
        ("clases", "unknown key 'clases' for a spec; did you mean classes?"),
    )


def test_unknown_key_with_a_dot_in_it() -> None:
    check(network() + "«a.b»: 1\n", ("a.b", "unknown key 'a.b' for a spec"))


def test_unknown_type_that_is_nearly_right() -> None:
    check(
        network("{name: c, type: «cnov», out: 8, kernel: 3}"),
        ("layers.c.type", "unknown layer type 'cnov'; did you mean conv?"),
    )


def test_unknown_type_that_is_like_nothing() -> None:
    error = check(network("{name: c, type: «qqq»}"), ("layers.c.type", "unknown layer type 'qqq'"))
    known = ", ".join(sorted({*PRIMITIVES, *shipped_blocks()}))
    assert f"\n  known types are {known}\n" in error


def test_unknown_type_in_other_letters() -> None:
    check(
        network("{name: c, type: «MaxPool», kernel: 3}"),
        ("layers.c.type", "unknown layer type 'MaxPool'; did you mean max_pool?"),
    )


def test_unknown_choice_that_is_nearly_right() -> None:
    choices = ", ".join(ACTIVATIONS)
    check(
        network("{name: c, type: conv, out: 8, kernel: 3, activation: «rellu»}"),
        ("layers.c.activation", f"found the string 'rellu', expected one of {choices}; did you mean relu?"),
    )


# -- names -----------------------------------------------------------------------------------------------------------


def test_a_name_given_twice() -> None:
    error = check(
        network(CONV, CONV.replace("conv1", "«conv1»")),
        ("layers.conv1.name", "the name 'conv1' is already used on line 5"),
    )
    assert "\n  5 │   - {name: conv1" in error


def test_a_head_named_as_a_layer() -> None:
    check(
        network(CONV, aux=("{name: «conv1», after: conv1}",)),
        ("aux.conv1.name", "the name 'conv1' is already used on line 5"),
    )


def test_a_key_given_twice() -> None:
    error = check(
        network("{name: c, type: conv, out: 8, kernel: 3,\n     «out»: 9}"),
        ("layers.c.out", "the key 'out' is already given on line 5"),
    )
    assert "\n  5 │   - {name: c, type: conv, out: 8" in error


def test_a_key_given_twice_at_the_top() -> None:
    check(network() + "«classes»: 10\n", ("classes", "the key 'classes' is already given on line 3"))


@pytest.mark.parametrize("name", ["forward", "train", "training", "float", "add_module", "T_destination"])
def test_a_name_that_torch_has(name: str) -> None:
    check(
        network(f"{{name: «{name}», type: flatten}}", end=CLASSIFIER[2:]),
        ("layers.0.name", f"'{name}' is reserved: every torch.nn.Module has an attribute of that name"),
    )


@pytest.mark.parametrize("name", ["a b", "a.b", "é", "'1,2'", "-a"])
def test_a_name_that_is_no_key_of_a_state_dict(name: str) -> None:
    bare = name.strip("'")
    message = f"'{bare}' is not a valid name: use only letters, digits, _ and -, as it becomes a state-dict key"
    check(network(f"{{name: «{name}», type: flatten}}", end=CLASSIFIER[2:]), ("layers.0.name", message))


@pytest.mark.parametrize("name", ["[a]", "{a: b}", "~"])
def test_a_name_that_is_no_word(name: str) -> None:
    layer = f"{{name: «{name}», type: flatten}}"
    check(network(layer, end=CLASSIFIER[2:]), ("layers.0.name", "a name must be a string"))


@pytest.mark.parametrize("name", ["_modules", "_parameters", "__class__", "__init__", "_order", "_heads", "_a"])
def test_a_private_name_of_a_module(name: str) -> None:
    message = f"'{name}' is reserved: every torch.nn.Module has an attribute of that name"
    check(network(f"{{name: «{name}», type: flatten}}", end=CLASSIFIER[2:]), ("layers.0.name", message))
    check(network(CONV, aux=(f"{{name: «{name}», after: conv1}}",)), ("aux.0.name", message))


def test_a_name_that_an_unnamed_layer_gets() -> None:
    check(
        network("{name: '1', type: dropout}", "{type: «dropout»}"),
        ("layers.1.name", "the name '1' is already used: names are unique within the nearest named layer"),
    )


# -- heads -----------------------------------------------------------------------------------------------------------


def test_a_tap_that_does_not_exist() -> None:
    check(
        network(CONV, aux=("{name: aux1, after: «convl»}",)),
        ("aux.aux1.after", "no layer is named 'convl'; did you mean conv1?"),
    )


def test_a_head_on_a_map_too_small_to_pool() -> None:
    error = check(
        network(CONV, "{name: small, type: max_pool, kernel: 8}", aux=("{name: aux1, after: «small»}",)),
        ("aux.aux1", "a window of 5 x 5 does not fit the input map of 4 x 4"),
    )
    assert "\n   6 │   - {name: small" in error
    assert "attach the head where the map is larger, give a smaller pool_kernel, or pool adaptively" in error


def test_a_head_with_a_pool_of_its_own_too_large() -> None:
    check(
        network(CONV, aux=("{name: aux1, after: conv1, pool_kernel: «[5, 33]»}",)),
        ("aux.aux1.pool_kernel", "a window of 5 x 33 does not fit the input map of 32 x 32"),
    )


@pytest.mark.parametrize("name", ["1a", "a-b", "logits", "count", "index"])
def test_a_head_whose_name_cannot_be_a_field(name: str) -> None:
    message = f"'{name}' is not a valid head name: heads are fields of the training output"
    found = problems_of(network(CONV, aux=(f"{{name: {name}, after: conv1}}",))).problems
    assert [problem.message for problem in found] == [message]
    check(network(CONV, aux=(f"{{name: «{name}», after: conv1}}",)), (f"aux.{name}.name", message))


def test_widths_of_a_head_go_by_the_names_the_user_knows() -> None:
    check(
        network(CONV, aux=("{name: aux1, after: conv1, channels: «0», hidden: «0»}",)),
        ("aux.aux1.channels", "found 0, expected at least 1"),
        ("aux.aux1.hidden", "found 0, expected at least 1"),
    )


def test_heads_without_what_they_need() -> None:
    after = "a head needs the name of the layer it attaches to, such as after: inception4a"
    check(
        network(
            CONV,
            aux=(
                "{«after»: conv1}",
                "{name: «a»}",
                "{name: b, after: «[a]»}",
                "{name: c, after: conv1, loss_weight: «x»}",
                "{name: d, after: conv1, loss_weight: «-1»}",
                "{name: e, after: conv1, loss_weight: «.nan»}",
                "«7»",
                "{name: «forward», after: conv1}",
            ),
        ),
        ("aux.0", "a head needs a name"),
        ("aux.a.after", after),
        ("aux.b.after", after),
        ("aux.c.loss_weight", "found the string 'x', expected a number from 0 to 1000"),
        ("aux.d.loss_weight", "found -1, expected a number from 0 to 1000"),
        ("aux.e.loss_weight", "found nan, expected a number from 0 to 1000"),
        ("aux.6", "found 7, expected a head, such as {name: aux1, after: inception4a}"),
        ("aux.7.name", "'forward' is reserved: every torch.nn.Module has an attribute of that name"),
    )


# -- expressions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("$clases * 2", "$clases is not known here; did you mean classes?"),
        ("$in / 0", "'$in / 0': divides by zero"),
        ("$in +", "'$in +': ends too early"),
        ("$in / 2", "found 1.5, expected an integer"),
        ("$in == 3", "found true, expected an integer"),
        ("__import__('os') $", "\"__import__('os') $\": cannot read \"'os') $\""),
    ],
)
def test_an_expression_at_fault(written: str, message: str) -> None:
    marked = network(f"{{name: c, type: conv, kernel: 1, out: «{written}»}}")
    found = problems_of(unmark(marked)[0]).problems
    assert found[0].message == message
    assert found[0].path == "layers.c.out"
    assert found[0].where is not None
    assert tuple(found[0].where.span) == unmark(marked)[1][0]
