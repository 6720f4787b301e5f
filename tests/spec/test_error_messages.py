"""What an error looks like, and that a file's mistakes are all found at once, each one once."""

import pytest
from spec.marked import CLASSIFIER, CONV, HEADER, INCEPTION, check, network

from archbuilder import NetworkSpec, SpecError

# -- the example of the design ---------------------------------------------------------------------------------------


def test_the_whole_rendering_of_a_channel_mismatch() -> None:
    text = (
        "# mine\n" * 25
        + HEADER.replace("32", "224")
        + "layers:\n"
        + "  - {name: conv1, type: conv, out: 480, kernel: 1}\n"
        + "  - {name: inception4a, type: inception, in: 480, 1x1: 192, 3x3red: 96, 3x3: 208, 5x5red: 16, 5x5: 48, "
        + "pool_proj: 64}\n"
        + "  # the error is in the next line\n"
        + "  - {name: inception4b, type: inception, in: 500, 1x1: 160, 3x3red: 112, 3x3: 224, 5x5red: 24, 5x5: 64, "
        + "pool_proj: 64}\n"
        + "".join(f"  - {layer}\n" for layer in CLASSIFIER)
    )
    with pytest.raises(SpecError, match="declares 500 input channels, but the input has 512") as caught:
        NetworkSpec.from_text(text, "specs/mine.yaml")
    expected = """\
specs/mine.yaml:33:46  layers.inception4b.in
  31 │   - {name: inception4a, type: inception, in: 480, 1x1: 192, 3x3red: 96, 3x3: 208, 5x5red: 16, 5x5: …
  33 │   - {name: inception4b, type: inception, in: 500, 1x1: 160, 3x3red: 112, 3x3: 224, 5x5red: 24, 5x5:…
     │                                              ^^^ declares 500 input channels, but the input has 512
  inception4a (line 31) outputs 192 + 208 + 48 + 64 = 512
1 error"""
    assert str(caught.value) == expected


# -- channels --------------------------------------------------------------------------------------------------------


def test_channels_of_the_input_do_not_fit() -> None:
    error = check(
        network("{name: c, type: conv, in: «4», out: 8, kernel: 1}"),
        ("layers.c.in", "declares 4 input channels, but the input has 3"),
    )
    assert "\n  the input has 3 channels\n" in error


def test_channels_of_a_layer_do_not_fit() -> None:
    error = check(
        network(CONV, "{name: c, type: conv, in: «3», out: 8, kernel: 1}"),
        ("layers.c.in", "declares 3 input channels, but the input has 8"),
    )
    assert "\n  conv1 (line 5) outputs 8\n" in error


def test_channels_of_a_concatenation_do_not_fit() -> None:
    error = check(
        network(INCEPTION, CONV.replace("conv, out", "conv, in: «500», out")),
        ("layers.conv1.in", "declares 500 input channels, but the input has 512"),
    )
    assert "\n  5 │   - {name: block" in error
    assert "\n  block (line 5) outputs 192 + 208 + 48 + 64 = 512\n" in error


def test_features_of_a_linear_layer_do_not_fit() -> None:
    layer = "{name: fc, type: linear, in: «9», out: 10}"
    check(
        network(CONV, end=(*CLASSIFIER[:2], layer)), ("layers.fc.in", "declares 9 input features, but the input has 8")
    )


@pytest.mark.parametrize("written", ["x", "0", "-3", "1.5", "true", "'3'", "[3]", "$classes"])
def test_in_is_not_a_number_of_channels(written: str) -> None:
    check(
        network(f"{{name: c, type: conv, in: «{written}», out: 8, kernel: 1}}"),
        ("layers.c.in", "expected the number of input channels; omit `in` to have it derived"),
    )


# -- all at once -----------------------------------------------------------------------------------------------------


def test_all_mistakes_at_once_in_the_order_of_the_file() -> None:
    check(
        network(
            CONV,
            "{name: a, type: conv, in: «9», out: 16, kernel: 3, «paddin»: 1}",
            "{name: b, type: «inceptoin», in: 16, 1x1: 3}",
            "{name: c, type: conv, in: 20, out: 24, kernel: 1, «out»: 3}",
            "{name: «a», type: dropout}",
            "{name: d, type: conv, in: «23», out: 8, kernel: 1}",
            "{name: «e.e», type: dropout, p: «1.5»}",
            aux=("{name: aux1, after: «dd», pool_output: 1}", "{name: aux2, after: d, pool_output: «0»}"),
            end=(*CLASSIFIER[:2], "{name: fc, type: linear, out: 10}"),
            header=HEADER.replace("classes: 10", "classes: 10\n«initt»: kaiming"),
        ),
        ("initt", "unknown key 'initt' for a spec; did you mean init?"),
        ("layers.a.in", "declares 9 input channels, but the input has 8"),
        ("layers.a.paddin", "unknown key 'paddin' for conv; did you mean padding?"),
        ("layers.b.type", "unknown layer type 'inceptoin'; did you mean inception?"),
        ("layers.c.out", "the key 'out' is already given on line 9"),
        ("layers.a.name", "the name 'a' is already used on line 7"),
        ("layers.d.in", "declares 23 input channels, but the input has 24"),
        (
            "layers.6.name",
            "'e.e' is not a valid name: use only letters, digits, _ and -, as it becomes a state-dict key",
        ),
        ("layers.6.p", "found 1.5, expected less than 1"),
        ("aux.aux1.after", "no layer is named 'dd'; did you mean d?"),
        ("aux.aux2.pool_output", "found 0, expected 1 to 100,000"),
    )


def test_an_unknown_type_in_the_middle_is_one_mistake() -> None:
    layers = (CONV, "{name: x, type: «cnov», out: 999, kernel: 1}", CONV.replace("conv1", "conv2"))
    check(
        network(*layers, aux=("{name: aux1, after: x}",)),
        ("layers.x.type", "unknown layer type 'cnov'; did you mean conv?"),
    )


def test_an_unknown_type_before_the_classifier_is_one_mistake() -> None:
    end = ("{name: pool, type: «global_pool»}", CLASSIFIER[1], "{name: fc, type: linear, in: 8, out: 10}")
    check(
        network(CONV, end=end), ("layers.pool.type", "unknown layer type 'global_pool'; did you mean global_avg_pool?")
    )


def test_a_mistyped_flatten_is_one_mistake() -> None:
    end = (CLASSIFIER[0], "{name: flat, type: «flaten»}", "{name: fc, type: linear, in: 8, out: 10}")
    check(network(CONV, end=end), ("layers.flat.type", "unknown layer type 'flaten'; did you mean flatten?"))


def test_an_inception_block_on_a_vector_is_one_mistake() -> None:
    layers = ("{name: f, type: flatten}", INCEPTION.replace("type: inception", "type: «inception»"))
    message = "a convolution takes a map (channels x height x width), but its input is a vector of 3072"
    check(network(*layers), ("layers.block", message))


def test_a_mistyped_key_of_the_header_is_one_mistake() -> None:
    header = HEADER.replace("classes", "«clases»")
    check(network(header=header), ("clases", "unknown key 'clases' for a spec; did you mean classes?"))


def test_a_condition_of_a_layer_is_not_ignored() -> None:
    with_dropout = network("{name: drop, type: dropout, when: $classes > 100}")
    for text, there in ((with_dropout, False), (with_dropout.replace("> 100", "< 100"), True)):
        names = [layer.name for layer in NetworkSpec.from_text(text).plan().layers]
        assert ("drop" in names) is there


def test_a_kernel_too_large_in_the_middle_is_one_mistake() -> None:
    layers = ("{name: x, type: conv, out: 5, kernel: «99»}", "{name: p, type: max_pool, kernel: 50}", INCEPTION)
    check(
        network(*layers, aux=("{name: aux1, after: p}",)),
        ("layers.x.kernel", "a window of 99 x 99 does not fit the input map of 32 x 32"),
    )


def test_a_mismatch_after_a_kernel_too_large_is_found() -> None:
    check(
        network("{name: x, type: conv, out: 5, kernel: «99»}", "{name: y, type: conv, in: «6», out: 5, kernel: 1}"),
        ("layers.x.kernel", "a window of 99 x 99 does not fit the input map of 32 x 32"),
        ("layers.y.in", "declares 6 input channels, but the input has 5"),
    )


def test_a_mismatch_after_an_unknown_type_is_found_once_the_channels_are_declared() -> None:
    check(
        network(
            "{name: x, type: «cnov»}",
            "{name: y, type: conv, in: 77, out: 5, kernel: 1}",
            "{name: z, type: conv, in: «6», out: 5, kernel: 1}",
        ),
        ("layers.x.type", "unknown layer type 'cnov'; did you mean conv?"),
        ("layers.z.in", "declares 6 input channels, but the input has 5"),
    )


def test_an_input_at_fault_is_one_mistake() -> None:
    header = HEADER.replace("channels: 3", "channels: «three»")
    check(
        network("{name: c, type: conv, in: 3, out: 8, kernel: 31}", INCEPTION, header=header),
        ("input.channels", "found the string 'three', expected an integer"),
    )


def test_classes_at_fault_are_one_mistake() -> None:
    check(
        network(CONV, header=HEADER.replace("classes: 10", "classes: «0»"), aux=("{name: aux1, after: conv1}",)),
        ("classes", "found 0, expected at least 1"),
    )
