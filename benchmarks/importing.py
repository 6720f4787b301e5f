"""Which networks of torchvision and timm come through `archbuilder import` exactly.

    pip install --no-deps --target FOLDER torchvision==0.28.0 timm==1.0.31
    PYTHONPATH=.:tests ARCHBUILDER_TESTS_MODELS=FOLDER python -m benchmarks.importing [--write] [--only NAME ...]

Every classification CNN of torchvision, and 60 of timm, which were chosen before any was tried. A network is exact if
its spec has the state-dict keys and shapes in order, the parameters, and the outputs for the same random weights and
images to 1e-4 of the largest value. `--write` puts the table into benchmarks/IMPORTING.md.
"""

import argparse
import gc
import sys
import warnings
from datetime import date
from pathlib import Path
from typing import NamedTuple

from support.reference_models import build

from archbuilder import ArchbuilderError, load
from archbuilder.importing import import_module
from archbuilder.spec.sources import shipped_names


def _words(text: str) -> list[str]:
    return text.split()


TORCHVISION = _words("""
alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 densenet169 densenet201
efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 mnasnet0_5 mnasnet0_75
mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf regnet_x_1_6gf regnet_x_32gf
regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf
regnet_y_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34 resnet50
resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn
wide_resnet101_2 wide_resnet50_2
""")
"""All of `torchvision.models` that are no transformers: not ViT, Swin, MaxViT."""

TIMM = _words("""
resnet18 resnet50 resnet26d resnet33ts resnext50_32x4d resnext26ts wide_resnet50_2 seresnet50 legacy_seresnet18
ecaresnet26t skresnet18 resnetv2_50 res2net50_26w_4s resnest14d dpn68 densenet121 vgg16_bn inception_v3 inception_v4
inception_resnet_v2 xception41 legacy_xception mobilenetv1_100 mobilenetv2_100 mobilenetv3_large_100
mobilenetv4_conv_small efficientnet_b0 tf_efficientnet_b0 tf_efficientnetv2_b0 efficientnet_lite0 mixnet_s mnasnet_100
semnasnet_100 spnasnet_100 ghostnet_100 hardcorenas_a rexnet_100 regnetx_002 regnety_002 convnext_atto convnext_tiny
convnextv2_atto cspresnet50 cspdarknet53 darknet53 dla34 hrnet_w18_small selecsls42b tresnet_m repvgg_a0
edgenext_xx_small fbnetc_100 lcnet_050 tinynet_a repghostnet_100 mobileone_s0 fasternet_t0 starnet_s1 ese_vovnet19b_dw
gernet_s
""")
"""A network or two of each family, the smallest that is not a variation of another."""

_SIZES = {
    "inception_v3": 299,
    "inception_v4": 299,
    "inception_resnet_v2": 299,
    "xception41": 299,
    "legacy_xception": 299,
}
_FULL = 224
_SMALL = 96
_LARGE = 60_000_000  # parameters, from which on the images are small: the network is the same


class Row(NamedTuple):
    """What became of a network.

    Attributes:
        name: Its name, after `timm.` for timm's.
        size: The height and width of the images.
        exact: Whether it came through exactly.
        keys: The keys of its state dict.
        lines: The lines of the spec.
        blocks: The blocks of the spec, and how many modules each stands for.
        reason: Why it is not exact, or what is to be known.
    """

    name: str
    size: int
    exact: bool
    keys: int
    lines: int
    blocks: str
    reason: str


def measure(name: str) -> Row:
    """Import a network and compare."""
    module = build(name)
    keys = len(module.state_dict())
    short = name.removeprefix("timm.")
    large = sum(each.numel() for each in module.parameters()) > _LARGE and not short.startswith(("vgg", "alex"))
    size = _SIZES.get(short, _SMALL if large else _FULL)
    try:
        imported = import_module(module, (3, size, size), name=short)
    except ArchbuilderError as error:
        return Row(name, size, False, keys, 0, "", _reason(str(error)))
    comparison = imported.comparison
    blocks = ", ".join(f"{block} ({count})" for block, count in imported.blocks.items())
    lines = len(imported.spec.text.splitlines())
    reason = "; ".join(comparison.differences)
    if not reason and comparison.macs not in (None, comparison.planned_macs):
        reason = f"fvcore counts {comparison.macs:,} MACs in the module, {comparison.planned_macs:,} in the spec"
    return Row(name, size, not comparison.differences, keys, lines, blocks, reason)


def _reason(text: str) -> str:
    """Return the first cause in a line, and how many there are."""
    lines = text.splitlines()
    carets = [line.partition("^ ")[2] for line in lines if "^ " in line]
    count = lines[-1] if lines[-1].endswith(("error", "errors")) else ""
    cause = (carets or lines)[0].strip()
    return f"{cause} ({count})" if count and not count.startswith("1 ") else cause


def table(rows: list[Row], title: str) -> list[str]:
    """Return a table in Markdown."""
    exact = sum(row.exact for row in rows)
    lines = [f"## {title}: {exact} of {len(rows)} exactly", ""]
    lines += [
        "| network | images | exact | keys | lines | blocks (modules) | |",
        "| --- | ---: | --- | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        said = "yes" if row.exact else "**no**"
        cells = row.name.removeprefix("timm."), f"{row.size}²", said, row.keys, row.lines or "", row.blocks, row.reason
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def against_shipped(rows: list[Row]) -> list[str]:
    """Compare the lines of imported specs with those that people wrote, which use shipped blocks."""
    lines = ["## Beside the specs that people wrote", ""]
    lines += ["These use the shipped blocks; imported files hold their own.", ""]
    lines += ["| network | by hand | imported | of these, blocks |", "| --- | ---: | ---: | ---: |"]
    by_name = {row.name: row for row in rows if row.exact}
    for name in shipped_names("specs"):
        short = name.removesuffix("_torchvision")
        if short in by_name and short != name:
            row = by_name[short]
            inside = "" if not row.blocks else _block_lines(short)
            lines.append(f"| {short} | {len(load(name).text.splitlines())} | {row.lines} | {inside} |")
    return [*lines, ""]


def _block_lines(name: str) -> int:
    """Count the lines of the blocks of an imported network."""
    size = _SIZES.get(name, _FULL)
    text = import_module(build(name), (3, size, size), name=name).spec.text
    return len(text[text.index("blocks:") : text.index("\nlayers:")].splitlines())


def main() -> None:
    """Measure and print, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write benchmarks/IMPORTING.md")
    parser.add_argument("--only", nargs="*", help="these networks alone")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    names = asked.only or [*TORCHVISION, *(f"timm.{name}" for name in TIMM)]
    rows: list[Row] = []
    for name in names:
        rows.append(measure(name))
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
        gc.collect()
    torchvision = [row for row in rows if not row.name.startswith("timm.")]
    timm = [row for row in rows if row.name.startswith("timm.")]
    lines = ["# Networks in", "", f"Written by `python -m benchmarks.importing --write` on {date.today():%Y-%m-%d}."]
    lines += ["torchvision 0.28.0, timm 1.0.31, without pretrained weights. Networks of more than 60 M parameters, VGG"]
    lines += [f"and AlexNet aside, were run on images of {_SMALL}². Exact: keys and shapes in order, parameters, and"]
    lines += ["outputs to 1e-4.", ""]
    lines += table(torchvision, "torchvision's CNN classifiers") if torchvision else []
    lines += table(timm, "60 of timm's CNNs") if timm else []
    lines += against_shipped(torchvision) if torchvision and not asked.only else []
    text = "\n".join(lines).rstrip() + "\n"
    if asked.write:
        (Path(__file__).parent / "IMPORTING.md").write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
