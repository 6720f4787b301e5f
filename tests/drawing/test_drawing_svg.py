"""What the SVG says and looks like: colors that can be read, text that can be selected, words for screen readers."""

import re
import subprocess
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageFont
from support.language_specs import language_spec

from archbuilder import ArchbuilderError, NetworkSpec, draw, load
from archbuilder.drawing.color import DARK, LIGHT, SHARE_WORDS, SHARES, ColorBy, Theme, step_of
from archbuilder.drawing.difference import compare
from archbuilder.drawing.drawing import scene_of
from archbuilder.drawing.figures import Box
from archbuilder.drawing.raster import save_drawing
from archbuilder.drawing.style import CLASS, style_sheet
from archbuilder.drawing.text import shortened, text_width
from drawing.drawn_specs import CHANGED, HEADS, THREE

Run = Callable[..., subprocess.CompletedProcess[str]]
SVG = "{http://www.w3.org/2000/svg}"
FONTS = Path("/usr/share/fonts/truetype/dejavu")


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colors by WCAG 2.2."""

    def luminance(color: str) -> float:
        channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_colors_have_the_contrast_of_wcag_aa(theme: Theme) -> None:
    for background in (theme.page, theme.frame, *theme.steps):
        assert contrast(theme.text, background) >= 4.5, background
    for background in (theme.page, theme.frame):
        assert contrast(theme.quiet, background) >= 4.5, background
        for mark in (theme.line, theme.border, theme.added, theme.removed, theme.changed):
            assert contrast(mark, background) >= 3, mark  # graphics: success criterion 1.4.11


def test_the_style_sheet_is_for_drawings_alone() -> None:
    sheet = style_sheet().replace("@media (prefers-color-scheme:dark){", "")
    selectors = [selector for rule in re.findall(r"([^{}]+)\{[^{}]*\}", sheet) for selector in rule.strip().split(",")]
    assert len(selectors) > 30
    assert all(selector.startswith(f".{CLASS} ") for selector in selectors)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_what_belongs_to_a_line_has_its_color(theme: Theme) -> None:
    rules = re.findall(r"([^{}]+)\{([^{}]*)\}", style_sheet())
    fills = [
        (selectors, body) for selectors, body in rules if body.startswith(("fill:" + theme.page, "fill:" + theme.line))
    ]
    boxes, port = (next(at for at, one in enumerate(fills) if f" .{name}>rect" in one[0]) for name in ("box", "port"))
    assert boxes < port  # the later of two rules of one weight holds
    for selector, color in (("gone", theme.removed), ("new", theme.added)):
        assert any(f".arrow.{selector}" in selectors and color in body for selectors, body in rules)


def test_boxes_are_colored_by_their_share() -> None:
    assert len(SHARE_WORDS) == len(SHARES) + 1 == len(LIGHT.steps)
    plan = load("googlenet").plan()
    boxes = {box.name: box for box in scene_of(plan).figures() if isinstance(box, Box)}
    assert step_of(boxes["conv3"], plan, ColorBy.MACS) == 4  # 22.8 % of the MACs
    assert step_of(boxes["conv3"], plan, ColorBy.PARAMETERS) == 2  # 1.6 % of the parameters
    assert step_of(boxes["maxpool1"], plan, ColorBy.MACS) == 0
    assert step_of(boxes["fc"], plan, ColorBy.PARAMETERS) == 4
    assert ">share of the parameters</text>" in draw(plan, color="parameters")


@pytest.mark.skipif(not FONTS.is_dir(), reason="needs the DejaVu fonts")
@pytest.mark.parametrize(("file", "bold"), [("DejaVuSans.ttf", False), ("DejaVuSans-Bold.ttf", True)])
def test_widths_are_estimated_from_above(file: str, bold: bool) -> None:
    font = ImageFont.truetype(str(FONTS / file), 100)
    words = {text for seed in range(40) for text in texts(NetworkSpec.from_dict(language_spec(seed)).draw())}
    words |= {
        *texts(load("ghostnet_timm").draw()),
        "iiiiiilllll",
        "WWWMMM",
        "0123456789",
        "AVAVA",
        "features.12.block",
        "—",
    }
    for word in words:
        assert font.getlength(word) <= text_width(word, 100, bold=bold), word
    assert all(font.getlength(chr(code)) <= 117 for code in range(32, 127))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [1, 10, 50, 100])
@pytest.mark.parametrize("text", ["", "a", "inception_resnet_reduction_b", "网" * 80, "x" * 500])
def test_a_shortened_text_fits(text: str, width: float) -> None:
    for is_name in (False, True):
        short = shortened(text, 10, width, is_name=is_name)
        assert short in (text, "…") or (text_width(short, 10) <= width and "…" in short)
        assert len(short) <= max(1, len(text))


# -- words -----------------------------------------------------------------------------------------------------------


def test_text_is_text_and_every_figure_has_a_title() -> None:
    root = ElementTree.fromstring(NetworkSpec.from_text(HEADS).draw())
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "desc", "style", "rect", "text", "g", "polyline", "polygon", "circle"}
    symbols = [group for group in root.iter(f"{SVG}g") if group.get("role") == "graphics-symbol"]
    assert len(symbols) > 10
    for group in symbols:
        assert group[0].tag == f"{SVG}title"
        assert group[0].text
    title, description = root[0], root[1]
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "heads"
    assert description.text == (
        "A convolutional network drawn from top to bottom: 3 x 8 x 8 → 5 classes, 229 parameters (294 with heads) · "
        "9.6 k MACs. 3 layers in 11 boxes. Auxiliary head side after mixed."
    )


def test_a_title_has_the_details() -> None:
    root = ElementTree.fromstring(load("densenet121_torchvision").draw())
    name = "features.denseblock1.denselayer1.conv1"
    (group,) = (group for group in root.iter(f"{SVG}g") if group.get("data-name") == name)
    lines = (group[0].text or "").splitlines()
    assert lines[:5] == [
        f"{name}, 1×1 conv, 128, BN, ReLU",
        "input channels 64 to 224",
        "output 128 x 56 x 56",
        "112,128 parameters (1.4 %), 351.63 M MACs (12.3 %), in all 6 copies",
        "receptive field 11 x 11 to 51 x 51",
    ]
    assert lines[5].startswith(f"{name}: convolution (out 128, kernel 1, bias False), 64 x 56 x 56 → 128 x 56 x 56")


def test_differences_are_marked_by_more_than_color() -> None:
    svg = NetworkSpec.from_text(CHANGED).draw(before=NetworkSpec.from_text(THREE))
    root = ElementTree.fromstring(svg)
    statuses = {}
    for group in root.iter(f"{SVG}g"):
        classes = (group.get("class") or "").split()
        if "box" in classes and group.get("data-name"):
            words = [element.text for element in group.findall(f"{SVG}text")]
            statuses[group.get("data-name")] = (classes[-1], words[-1])
    assert statuses == {
        "input": ("input", "1 x 8 x 8"),
        "conv": ("changed", "was 3×3 conv, 4"),
        "pool": ("removed", "removed"),
        "more": ("added", "added"),
        "mean": ("added", "added"),
        "fc": ("affected", "fc"),
        "output": ("output", "10 classes"),
    }
    assert "Added: more, mean. Changed: conv. Removed: pool." in (root[1].text or "")


def test_a_head_that_moved_and_one_that_is_gone() -> None:
    before = load("googlenet")
    after = NetworkSpec.from_text("extends: googlenet\nname: mine\naux: {aux1: {after: inception4b}, aux2: null}\n")
    root = ElementTree.fromstring(after.draw(before=before))
    lines = {line[0].text: line.get("class") for line in root.iter(f"{SVG}polyline") if len(line)}
    assert lines == {
        "auxiliary head aux1, was after inception4a": "link new",
        "auxiliary head aux2": "link gone",
    }
    for tag in ("polygon", "circle"):  # arrows, and the dots at the taps
        marks = [str(mark.get("class")) for mark in root.iter(f"{SVG}{tag}")]
        assert sorted(mark.partition(" ")[2] for mark in marks if " " in mark)[-1:] == ["new"], tag
        assert any(mark.endswith(" gone") for mark in marks), tag


def test_an_identity_that_became_a_convolution() -> None:
    layers = ["add: [[], [{type: conv, out: 4, kernel: 1}]]", "add: [[{type: conv, out: 4, kernel: 1, norm: batch}]]"]
    header = "input: {channels: 4, height: 4, width: 4}\noutput: map\nlayers:\n"
    first, second = (NetworkSpec.from_text(f"{header}  - {{name: a, {layer}}}\n") for layer in layers)
    root = ElementTree.fromstring(second.draw(before=first))
    kinds = [line.get("class") for line in root.iter(f"{SVG}polyline")]
    assert kinds.count("link gone") == 1
    assert [
        box.status
        for box in scene_of(second.plan(), changes=compare(first.plan(), second.plan())).figures()
        if isinstance(box, Box) and box.copies
    ] == ["changed"]


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF")])
def test_other_formats(tmp_path: Path, suffix: str, start: bytes) -> None:
    try:
        import_module("cairosvg")
    except (ImportError, OSError) as error:  # without the package, or the library that it calls
        pytest.skip(str(error).splitlines()[0])
    path = tmp_path / f"net{suffix}"
    save_drawing(path, NetworkSpec.from_text(THREE).draw())
    assert path.read_bytes().startswith(start)
    if suffix == ".png":
        with Image.open(path) as image:
            colors = {color for _, color in image.convert("RGB").getcolors(1 << 24)}  # type: ignore[union-attr]
        assert tuple(int(LIGHT.steps[5][at : at + 2], 16) for at in (1, 3, 5)) in colors


def test_png_without_cairosvg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cairosvg", None)
    with pytest.raises(ArchbuilderError, match=r"PNG needs CairoSVG: pip install 'archbuilder\[draw\]'; or write .svg"):
        save_drawing(tmp_path / "net.png", "")
    assert not [*tmp_path.iterdir()]


# -- notebooks -------------------------------------------------------------------------------------------------------


def test_a_network_shows_itself_in_a_notebook() -> None:
    spec = NetworkSpec.from_text(HEADS)
    html = spec._repr_html_()
    root = ElementTree.fromstring(html)  # it is well-formed
    assert len([*root.iter(f"{SVG}svg")]) == 1
    rows = [[cell.text for cell in row] for row in root.iter("tr")]
    assert rows == [
        ["layer", "type", "output", "parameters", "MACs", "share"],
        ["mixed", "inception", "12 x 8 x 8", "164", "9.5 k", "99.4 %"],
        ["pool", "spatial_mean", "12", "0", "0", None],
        ["fc", "linear", "5", "65", "60", "0.6 %"],
        ["side (training only)", "sequence", "5", "65", "60", "0.6 %"],
        ["total", None, None, "229", "9.6 k", None],
    ]
