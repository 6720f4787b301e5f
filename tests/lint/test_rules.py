"""Each rule speaks where it should, says what it found, and is silent where it should be."""

import re

import pytest

from archbuilder import NetworkSpec, load
from archbuilder.lint import RULES, Finding, lint_document
from archbuilder.lint.change import apply
from archbuilder.lint.context import LintContext
from archbuilder.lint.rules.shape import width_of
from archbuilder.spec.sources import shipped_names

MESSAGES = {
    "AB001": r"^AB112 finds nothing here: remove the suppression$",
    "AB101": r"^representational bottleneck: 64 x 32 x 32 -> 16 x 8 x 8 keeps 1\.6 % of the values, at 50 % "
    "of the depth; the minimum there is 10 %$",
    "AB102": "^the map shrinks from 32 x 32 to 16 x 16 and its channels do not grow: 32 before, 32 at the end of the "
    "smaller map$",
    "AB103": r"^its 5x5 takes all 64 channels without a 1x1 reduction: 26,214,400 MACs, 98\.0 % of the layer; "
    "with a reduction to 32 it would cost 13,631,488$",
    "AB104": r"^the 1x1 before its 3x3 does not reduce \(64 of 64 channels\): the 3x3 costs 9,437,184 MACs, 74\.3 % "
    "of the network$",
    "AB105": "^the share of 3x3 and larger outputs falls with depth: 71 % in mix1, 33 % in mix3$",
    "AB106": r"^its pool branch outputs 64 of 128 channels, more than any other branch \(32\)$",
    "AB107": r"^its 5x5 costs 52,428,800 MACs; two 3x3 with 48 channels between would cost 42,467,328 and save "
    r"18\.7 % of the network's MACs$",
    "AB108": r"^its 7x7 costs 25,690,112 MACs; 1x7 and 7x1 with 48 channels between would cost 8,257,536 and "
    r"save 67\.2 % of the network's MACs$",
    "AB109": r"^3 layers deep and 511 channels wide \(mean over MACs\): 170\.17 channels per layer, wide for its "
    "depth: above 64$",
    "AB110": "^the head attaches at 20 % of the depth, too near the image: 25 to 90 % is expected$",
    "AB111": "^the input of the head is a map of 128 x 2 x 2; the minimum is 4 x 4$",
    "AB112": "^the receptive field of the last map is 5 x 5 of 32 x 32 pixels: none of its values "
    "depends on the whole image$",
    "AB201": "^1x1 30, 3x3 44 are not multiples of 8$",
    "AB301": "^its output is not used: 18,496 parameters and 4,718,592 MACs are wasted$",
    "AB302": r"^again repeats conv1\.activation directly before it$",
}


def findings(text: str, code: str) -> list[Finding]:
    return [finding for finding in lint_document(NetworkSpec.from_text(text).document).findings if finding.code == code]


def test_every_rule_is_tested() -> None:
    assert list(MESSAGES) == list(RULES)
    assert all(re.fullmatch("AB[0-9]{3}", code) and rule.code == code for code, rule in RULES.items())


@pytest.mark.parametrize("code", RULES)
def test_a_rule_speaks_where_it_should(code: str) -> None:
    (finding,) = findings(RULES[code].bad, code)
    assert re.search(MESSAGES[code], finding.message), finding.message
    line = finding.where.source.line(finding.where.line)
    assert finding.layer.partition(".")[0] in line


@pytest.mark.parametrize("code", RULES)
def test_a_rule_is_silent_where_it_should_be(code: str) -> None:
    assert findings(RULES[code].good, code) == []


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.fix])
def test_what_a_rule_offers_mends_what_it_found(code: str) -> None:
    document = NetworkSpec.from_text(RULES[code].bad).document
    (change,) = [found.change for found in lint_document(document).findings if found.code == code]
    assert change is not None
    assert findings(apply(document, change).source.text, code) == []


def test_the_place_is_that_of_the_width() -> None:
    (finding,) = findings(RULES["AB104"].bad, "AB104")
    line = finding.where.source.line(finding.where.line)
    assert line[: finding.where.column - 1].endswith("3x3red: ")


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_shipped_networks_can_be_looked_at(name: str) -> None:
    lint_document(load(name).document)


EARLY = (
    RULES["AB101"]
    .bad.replace("stride: 4", "stride: 2")
    .replace("  - {name: narrow", "  - {name: pool, type: max_pool, kernel: 2}\n  - {name: narrow")
)


def test_pools_in_a_row_count_as_one_step() -> None:
    assert [finding.layer for finding in findings(EARLY, "AB101")] == ["narrow"]
    pool, narrow = findings(EARLY.replace("kernel: 2}", "kernel: 2, repeat: 2}"), "AB101")
    assert "64 x 32 x 32 -> 64 x 8 x 8 keeps 6.2 % of the values" in pool.message
    assert "64 x 32 x 32 -> 16 x 4 x 4 keeps 0.4 % of the values" in narrow.message


def test_a_deep_and_narrow_network() -> None:
    text = (
        RULES["AB109"].good.replace("out: 32", "out: 8").replace("out: 64", "out: 8").replace("repeat: 3", "repeat: 20")
    )
    (finding,) = findings(text, "AB109")
    assert finding.message.startswith("22 layers deep and 8 channels wide")
    assert finding.message.endswith("channels per layer, deep for its width: below 1")


def test_what_does_nothing() -> None:
    text = RULES["AB301"].good.replace("  - {name: conv2", "  - {name: drop, type: dropout, p: 0}\n  - {name: conv2")
    text = text.replace("from: conv1, ", "")
    (finding,) = findings(text, "AB301")
    assert finding.message == "drop does nothing"
    assert finding.change is not None
    document = NetworkSpec.from_text(text).document
    assert "drop" not in apply(document, finding.change).source.text


def test_two_branches_that_are_one() -> None:
    text = RULES["AB103"].bad.replace("kernel: 5, padding: 2", "kernel: 1")
    (finding,) = findings(text, "AB302")
    assert finding.message.startswith("branches 1 and 2 of 2 are the same convolution of the input")


def test_a_head_too_near_the_end() -> None:
    text = RULES["AB110"].good.replace("after: conv2", "after: conv4").replace("kernel: 3, stride: 4", "kernel: 3")
    text = text.replace("- {name: gap", "- {name: conv5, type: conv, out: 64, kernel: 1, repeat: 8}\n  - {name: gap")
    assert findings(text, "AB110") == []
    (finding,) = findings(text.replace("after: conv4", "after: conv5"), "AB110")
    assert "too near the end" in finding.message


def test_a_network_with_a_multiplier_is_told_the_widths_it_has_and_offered_none() -> None:
    text = RULES["AB201"].good.replace("classes: 10", "classes: 10\nwidth: 1.1\ndivisor: 1")
    finding = findings(text, "AB201")[1]
    assert finding.message == "1x1 35, 3x3red 18, 3x3 53, 5x5red 9, 5x5 18, pool_proj 18 are not multiples of 8"
    assert finding.change is None


def test_the_figures_of_the_papers_networks_are_those_that_the_pages_give() -> None:
    contexts = {name: LintContext(load(name).document) for name in shipped_names("specs") if "small" not in name}
    del contexts["inception_digits"]
    ratios = {name: width_of(context) / context.depth for name, context in contexts.items()}
    names = sorted(ratios, key=ratios.__getitem__)
    assert (*names[:2], names[-1]) == ("densenet121_torchvision", "ghostnet_timm", "vgg16_bn_torchvision")
    lowest, low, *_, high = (ratios[name] for name in names)
    argument = " ".join(RULES["AB109"].argument.split())
    assert f"between {low:.1f} (GhostNet) and {high:.1f} (VGG-16)" in argument
    assert f"DenseNet-121 alone, which concatenates its narrow layers, has {lowest:.1f}." in argument
    googlenet = contexts["googlenet"]
    first, second = (googlenet.depths[head.tapped] / googlenet.depth for head in googlenet.plan.heads)
    text = " ".join(RULES["AB110"].argument.split())
    assert f"GoogLeNet's heads are at {100 * first:.0f} % and {100 * second:.0f} %" in text


def test_a_pool_to_one_pixel_inside_a_branch_is_not_the_end() -> None:
    gate = (
        "  - multiply:\n      - []\n      - - {type: global_avg_pool}\n"
        "        - {type: convolution, out: 32, kernel: 1}\n"
        "        - {type: activation, function: sigmoid}\n"
    )
    text = RULES["AB112"].good.replace("  - {name: conv2", f"{gate}  - {{name: conv2")
    assert findings(text, "AB112") == []
