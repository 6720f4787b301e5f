"""Sizes, shapes and kinds: what means something that cannot be."""

import re
import subprocess
import sys

import pytest
from spec.marked import CLASSIFIER, CONV, HEADER, INCEPTION, check, network, problems_of

# -- sizes -----------------------------------------------------------------------------------------------------------


PAIR = "expected an integer, or two as [height, width]"


@pytest.mark.parametrize(
    ("kernel", "padding", "message"),
    [
        ("«35»", "1", "a window of 35 x 35 does not fit the input map of 32 x 32, 34 x 34 with its padding"),
        ("«[3, 33]»", "0", "a window of 3 x 33 does not fit the input map of 32 x 32"),
        (
            "«[35, 1]»",
            "[1, 0]",
            "a window of 35 x 1 does not fit the input map of 32 x 32, 34 x 32 with its padding",
        ),
    ],
)
def test_a_kernel_larger_than_its_padded_input(kernel: str, padding: str, message: str) -> None:
    error = check(
        network(f"{{name: c, type: conv, out: 8, kernel: {kernel}, padding: {padding}}}"),
        ("layers.c.kernel", message),
    )
    assert re.search(r"\n  in block conv, blocks/conv\.yaml:\d+\n", error)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "found 0, expected 1 to 100,000"),
        ("-1", "found -1, expected 1 to 100,000"),
        ("[3, 0]", "found [3, 0], expected 1 to 100,000"),
        ("100001", "found 100001, expected 1 to 100,000"),
        ("1.5", f"found 1.5, {PAIR}"),
        ("1e3", f"found 1000.0, {PAIR}"),
        ("'3'", f"found the string '3', {PAIR}"),
        ("true", f"found true, {PAIR}"),
        ("[3]", f"found [3], {PAIR}"),
        ("[3, 3, 3]", f"found [3, 3, 3], {PAIR}"),
        ("{a: 1}", f"found a mapping, {PAIR}"),
        ("~", f"found nothing, {PAIR}"),
    ],
)
@pytest.mark.parametrize("key", ["kernel", "stride"])
def test_kernels_and_strides_are_positive_whole_numbers(key: str, written: str, message: str) -> None:
    other = "stride: 1" if key == "kernel" else "kernel: 1"
    check(network(f"{{name: c, type: conv, out: 8, {other}, {key}: «{written}»}}"), (f"layers.c.{key}", message))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("-1", "found -1, expected at least 0"),
        ("0", "found 0, expected at least 1"),
        ("1000001", "found 1000001, expected at most 1,000,000"),
        ("1.5", "found 1.5, expected an integer"),
        ("'8'", "found the string '8', expected an integer"),
        ("true", "found true, expected an integer"),
        ("", "found nothing, expected an integer"),
    ],
)
def test_widths_are_positive_whole_numbers(written: str, message: str) -> None:
    if written:
        check(network(f"{{name: c, type: conv, kernel: 1, out: «{written}»}}"), ("layers.c.out", message))
    else:
        assert [p.message for p in problems_of(network("{name: c, type: conv, kernel: 1, out: }")).problems] == [
            message
        ]


@pytest.mark.parametrize("key", ["channels", "height", "width"])
@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("0", "found 0, expected at least 1"),
        ("-7", "found -7, expected at least 1"),
        ("1.5", "found 1.5, expected an integer"),
        ("x", "found the string 'x', expected an integer"),
        ("9999999", r"found 9999999, expected at most {}"),
    ],
)
def test_the_input_has_positive_whole_sizes(key: str, written: str, message: str) -> None:
    limit = "1,000,000" if key == "channels" else "100,000"
    header = re.sub(rf"{key}: \d+", f"{key}: «{written}»", HEADER)
    check(network(CONV, header=header), (f"input.{key}", message.format(limit)))


def test_a_padding_larger_than_half_the_window() -> None:
    check(
        network("{name: p, type: max_pool, kernel: 3, stride: 2, padding: «2»}"),
        ("layers.p.padding", "a padding of 2 is more than half the window of 3"),
    )


def test_more_parameters_than_any_machine_holds() -> None:
    wide = "{name: %s, type: «conv», out: 1000000, kernel: 1000, padding: 500}"
    error = check(
        network(wide % "huge", wide.replace("«conv»", "conv") % "more"),
        ("layers.huge", "the network has more than 1,000,000,000,000 parameters here (3,000,001,000,000)"),
    )
    assert "no machine has that much memory; check widths, sizes and repeats for typos" in error


def test_more_values_than_any_machine_holds() -> None:
    header = HEADER.replace("32", "100000")
    layers = ("{name: c, type: «conv», out: 1000, kernel: 1}",)
    check(
        network(*layers, header=header),
        ("layers.c", "one image would have 10,000,000,000,000 values here (1000 x 100000 x 100000)"),
    )


def test_absurd_sizes_are_refused_before_torch_is_even_imported() -> None:
    code = (
        "import sys, archbuilder\n"
        "try:\n"
        "    archbuilder.NetworkSpec.from_text(sys.stdin.read())\n"
        "except archbuilder.SpecError as error:\n"
        "    print(error)\n"
        "print('torch' in sys.modules)\n"
    )
    text = network("{name: huge, type: conv, out: 1000000, kernel: 10000, padding: 5000}")
    done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    assert "more than 1,000,000,000,000 parameters" in done.stdout
    assert done.stdout.endswith("False\n")


# -- shapes ----------------------------------------------------------------------------------------------------------


def test_groups_that_do_not_divide_the_channels() -> None:
    error = check(
        network(CONV, "{name: c, type: convolution, out: 9, kernel: 1, groups: «3»}"),
        ("layers.c.groups", "3 groups do not divide 8 input and 9 output channels evenly"),
    )
    assert "\n  conv1 (line 5) outputs 8\n" in error


@pytest.mark.parametrize("kernel", ["4", "2.0", "x", "13", "0"])
def test_a_kernel_that_would_leave_branches_of_different_sizes(kernel: str) -> None:
    found = "the string 'x'" if kernel == "x" else kernel
    check(
        network(INCEPTION.replace("64}", f"64, 5x5_kernel: «{kernel}»}}")),
        ("layers.block.5x5_kernel", f"found {found}, expected one of 1, 3, 5, 7, 9, 11"),
    )


def test_every_branch_left_out() -> None:
    check(
        network("{name: b, type: «inception», 1x1: 0, 3x3red: 0, 3x3: 8, 5x5red: 8, 5x5: 0, pool_proj: 0}"),
        ("layers.b", "every branch is removed by a width of 0 or a condition: there is nothing to merge"),
    )


def test_an_inception_block_without_its_widths() -> None:
    error = problems_of(network("{name: b, type: inception, 1x1: 1, 3x3red: 2, 3x3: 3}"))
    assert [p.message for p in error.problems] == [f"inception needs {key!r}" for key in ("5x5red", "5x5", "pool_proj")]
    assert "5x5red: Output channels of the 1x1 reduction before the 5x5 convolution." in str(error)


def test_the_last_layer_is_a_map() -> None:
    check(
        network(CONV.replace("type: conv", "type: «conv»"), end=()),
        ("layers.conv1", "ends with a map of 8 x 32 x 32, but 10 classes need a vector of 10"),
    )


def test_the_last_layer_does_not_give_the_classes() -> None:
    check(
        network(CONV, end=(*CLASSIFIER[:2], "{name: fc, type: linear, out: «11»}")),
        ("layers.fc.out", "ends with a vector of 11, but 10 classes need a vector of 10"),
    )


def test_a_linear_layer_on_a_map() -> None:
    error = check(
        network(CONV, end=("{name: fc, type: «linear», out: 10}",)),
        ("layers.fc", "a linear layer takes a vector, but its input is a map of 8 x 32 x 32; put a flatten before it"),
    )
    assert "\n  5 │   - {name: conv1" in error


def test_a_convolution_on_a_vector() -> None:
    check(
        network("{name: f, type: flatten}", "{name: c, type: «conv», out: 8, kernel: 1}", end=()),
        ("layers.c", "a convolution takes a map (channels x height x width), but its input is a vector of 3072"),
    )


# -- kinds -----------------------------------------------------------------------------------------------------------


def test_values_of_the_wrong_kind() -> None:
    check(
        "name: «[1]»\ninput: «3»\nclasses: «ten»\nconv: «none»\ninit: «kaimming»\nlayers: {«a»: 1}\naux: «3»\n",
        ("name", "found [1], expected a string"),
        ("input", "found 3, expected a mapping"),
        ("classes", "found the string 'ten', expected an integer"),
        ("conv", "found the string 'none', expected a mapping; did you mean {norm: none}?"),
        (
            "init",
            "found the string 'kaimming', expected one of pytorch, kaiming, xavier, truncated_normal, normal, zeros; "
            "did you mean kaiming?",
        ),
        ("layers", "found a mapping, expected a list of layers"),
        ("aux", "found 3, expected a list of heads"),
    )


def test_bounds_of_the_header() -> None:
    check(
        network(header=f"name: «''»\n{HEADER[11:-3]}«0»\nconv: {{norm: «bach», bias: «1», eps: «2»}}\n"),
        ("name", "found the string '', expected at least 1 character"),
        ("classes", "found 0, expected at least 1"),
        ("conv.norm", "found the string 'bach', expected one of none, batch, group; did you mean batch?"),
        ("conv.bias", "found 1, expected true or false"),
        ("conv.eps", "found 2, expected at most 1"),
    )


def test_layers_of_the_wrong_kind() -> None:
    layer = "expected a layer"
    found = problems_of(HEADER + "layers: [3, [a], {}, {type: [b]}, {type: }]\n").problems
    assert [(p.path, p.where.column if p.where else 0) for p in found] == [
        ("layers.0", 10),
        ("layers.1", 13),
        ("layers.2", 18),
        ("layers.3.type", 29),
        ("layers.4.type", 42),
    ]
    assert all(layer in p.message for p in found[:2])
    assert [p.message for p in found[2:]] == [
        "a layer needs a type, such as type: conv",
        "found a list, expected a layer type, such as conv",
        "found nothing, expected a layer type, such as conv",
    ]


def test_missing_keys_say_what_they_are_for() -> None:
    error = problems_of("name: mine\n")
    assert [(p.path, p.message) for p in error.problems] == [
        ("input", "a spec needs 'input'"),
        ("classes", "a spec needs 'classes'"),
        ("layers", "a spec needs 'layers'"),
    ]
    assert "\n  input: The images: {channels: 3, height: 224, width: 224}.\n" in str(error)
    error = problems_of(network(header="input: {channels: 3, width: 32}\nclasses: 10\n"))
    assert [(p.path, p.message) for p in error.problems] == [("input.height", "input needs 'height'")]
    assert "\n  height: Height of the images in pixels.\n" in str(error)


def test_no_layers() -> None:
    check(HEADER + "«layers»: []\n", ("layers", "a network needs at least one layer"))
