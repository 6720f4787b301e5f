"""Sliders, prices and fixes: they change one value, and keep comments."""

import pytest

import archbuilder
from archbuilder.errors import ArchbuilderError
from archbuilder.play.analysis import Text, costs_of
from archbuilder.play.changes import find, fix, set_value, step
from archbuilder.play.parts import part_of

GOOGLENET = archbuilder.load("googlenet").text
TEXT = Text("googlenet", GOOGLENET)


def test_a_box_is_its_layer_of_the_file_with_sliders_of_its_widths() -> None:
    part = part_of(TEXT, "inception3a.branch2.0.conv")
    assert part is not None
    assert part.name == "inception3a"
    assert GOOGLENET[part.start : part.end].startswith("{name: inception3a, type: inception, in: 192, 1x1: 64")
    widths = {slider.key: slider.value for slider in part.sliders if slider.is_width}
    assert widths == {"1x1": 64, "3x3red": 96, "3x3": 128, "5x5red": 16, "5x5": 32, "pool_proj": 32}
    assert [slider.key for slider in part.sliders if slider.is_meant] == ["3x3red"]


@pytest.mark.parametrize(
    ("box", "keys"), [("branch2", ["3x3red", "3x3"]), ("branch4.1", ["pool_proj"]), ("branch4.0", []), ("(concat)", [])]
)
def test_the_sliders_of_a_box_in_a_block_are_known(box: str, keys: list[str]) -> None:
    part = part_of(TEXT, f"inception3a.{box}")
    assert part is not None
    assert [slider.key for slider in part.sliders if slider.is_meant] == keys
    whole = part_of(TEXT, "inception3a")
    assert whole is not None
    assert not any(slider.is_meant for slider in whole.sliders)


def test_a_kernel_is_a_slider_and_what_has_no_layer_has_none() -> None:
    part = part_of(TEXT, "conv1")
    assert part is not None
    kernel = next(slider for slider in part.sliders if slider.key == "kernel")
    assert (kernel.value, kernel.step, kernel.is_width) == (7, 2, False)
    assert part_of(TEXT, "nowhere.at.all") is None


def test_a_layer_in_lines_of_its_own_ends_with_its_last_value() -> None:
    text = (
        "input: {channels: 3, height: 8, width: 8}\noutput: map\nlayers:\n"
        "  - name: stem\n    type: conv\n    kernel: 1\n    out: 16\n"
        "    # what follows\n  - {name: next, type: conv, kernel: 1, out: 4}\n"
    )
    part = part_of(Text("x", text), "stem")
    assert part is not None
    assert text[part.start : part.end] == "name: stem\n    type: conv\n    kernel: 1\n    out: 16"


def test_a_slider_changes_its_value_and_every_input_after_it_and_keeps_comments() -> None:
    after = set_value(TEXT, "conv3.out", 250)
    assert "{name: conv3, type: conv, out: 250, kernel: 3, padding: 1}" in after
    assert "{name: inception3a, type: inception, in: 250," in after
    assert [line for line in after.splitlines() if "#" in line] == [
        line for line in GOOGLENET.splitlines() if "#" in line
    ]
    with pytest.raises(ArchbuilderError, match="no layer 'nowhere'"):
        set_value(TEXT, "nowhere.out", 8)


def test_the_steps_of_a_slider_are_the_texts_and_costs_of_the_slow_way() -> None:
    for name in ("googlenet", "inception_resnet_v2_timm", "mobilenet_v3_large_torchvision", "densenet121_torchvision"):
        source = archbuilder.load(name).document.source
        text = Text(name, source.text, source.path)
        path, width = next(iter(archbuilder.load(name).widths.items()))
        for value in (width + 1, 8, 2 * width):
            found, after = step(text, {path: value}, path), set_value(text, path, value)
            assert found.text == after
            assert found.costs == costs_of(Text(name, after, source.path))
            text = Text(name, found.text, source.path)


def test_a_step_keeps_the_other_widths_of_its_layer() -> None:
    widths = {"inception3a.1x1": 40, "inception3a.3x3": 100}
    text = step(TEXT, widths, "inception3a.1x1").text
    assert archbuilder.NetworkSpec.from_text(text).widths.items() >= widths.items()


def test_a_step_of_a_text_with_anchors_and_one_that_is_invalid_go_the_slow_way() -> None:
    shared = Text("x", GOOGLENET.replace("type: conv, out: 64, kernel: 7", "type: conv, out: &wide 64, kernel: 7"))
    assert shared.text != GOOGLENET
    found = step(shared, {"conv1.out": 72}, "conv1.out")
    assert found.costs == costs_of(Text("x", found.text))
    with pytest.raises(ArchbuilderError, match="0"):
        step(TEXT, {"conv3.out": 0}, "conv3.out")


def test_findings_have_places_and_fixes_apply_to_the_text() -> None:
    findings, suppressed = find(TEXT)
    finding = next(one for one in findings if one.fix)
    assert (finding.code, finding.layer, finding.fix) == ("AB104", "conv2", "conv2.out: 64 → 32")
    assert finding.line == GOOGLENET[: finding.start].count("\n") + 1
    assert suppressed == 0
    after = fix(TEXT, finding.number)
    assert after != GOOGLENET
    assert (finding.code, finding.layer) not in [(one.code, one.layer) for one in find(Text("googlenet", after))[0]]
    with pytest.raises(ArchbuilderError, match="has no fix any more"):
        fix(TEXT, 99)
    unfixable = next(one for one in findings if not one.fix)
    with pytest.raises(ArchbuilderError, match="has no fix any more"):
        fix(TEXT, unfixable.number)
