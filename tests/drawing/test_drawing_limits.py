"""Networks at the limits of the language, and names that no one should give, are drawn all the same."""

from xml.etree import ElementTree

import pytest
from fuzz.monsters import MONSTERS, Monster, each, nested, spec

from archbuilder import NetworkSpec
from archbuilder.drawing.drawing import draw, scene_of
from archbuilder.drawing.figures import Box

CONV = "type: conv, out: 8, kernel: 1"
LONGEST = 100  # characters of a name
FEW = 30  # boxes that a folded network has at most
LARGEST = 200_000  # characters of its drawing

HUGE = {
    "one layer": spec(f"repeat: 1500, {CONV}"),
    "operations that change nothing": spec("repeat: 9900, type: identity"),
    "a sequence": spec(f"name: s, repeat: 500, sequence: [{{{CONV}}}, {{type: max_pool, kernel: 1}}]"),
    "spliced sequences": spec(f"splice: true, repeat: 500, sequence: [{{{CONV}}}, {{type: max_pool, kernel: 1}}]"),
    "forks": spec(CONV, "repeat: 500, add: [[], [{type: conv, out: 8, kernel: 1}]]"),
    "forks without branches": spec("repeat: 3000, add: [[], []]"),
    "branches": spec("concat: [" + "[{type: convolution, out: 2, kernel: 1}]," * 1000 + "]"),
    "deep nesting": spec("sequence: [" + nested("{sequence: [", f"{{{CONV}}}, {{{CONV}}}", "]}", 25) + "]"),
    "deep forks": spec(CONV, "sequence: [" + nested("{add: [[], [", f"{{{CONV}}}", "]]}", 18) + "]"),
}

LONG = {
    "layers that differ": spec(
        *[f"type: conv, out: {2 + number % 9 * number % 7}, kernel: 1" for number in range(700)]
    ),
    "one source": spec("name: a, type: conv, out: 8, kernel: 1", *["add: [[], a]", CONV] * 300),
    "sources": spec(
        *[f"name: a{number}, {CONV}" for number in range(300)],
        "name: end, add: [[], " + each("a#, ", 300) + "]",
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_network_is_folded(name: str) -> None:
    plan = NetworkSpec.from_text(HUGE[name]).plan()
    scene = scene_of(plan)
    assert sum(isinstance(figure, Box) for figure in scene.figures()) <= FEW
    drawing = draw(plan)
    assert len(drawing) < LARGEST
    ElementTree.fromstring(drawing)


@pytest.mark.parametrize("name", LONG)
def test_a_long_network_that_cannot_be_folded_is_drawn(name: str) -> None:
    plan = NetworkSpec.from_text(LONG[name]).plan()
    drawing = draw(plan)
    ElementTree.fromstring(drawing)
    assert len(drawing) < 4000 * len(plan.ops)


@pytest.mark.parametrize("monster", [one for one in MONSTERS if not one.status], ids=lambda one: one.name)
def test_a_monster_that_is_valid_is_drawn(monster: Monster) -> None:
    text = monster.text()
    ElementTree.fromstring(draw(NetworkSpec.from_text(text if isinstance(text, str) else text.decode())))


@pytest.mark.parametrize(
    "name", ["<b>&amp;\"'</b>", "]]> <!-- -->", "網絡 🧠 שלום", "\x07\x1b[31m\ufffe", "n" * 200, " "]
)
def test_any_text_is_escaped(name: str) -> None:
    header = {"input": {"channels": 1, "height": 2, "width": 2}, "output": "map"}
    layers = [{"name": "layer-1_ok", "type": "conv", "out": 2, "kernel": 1}]
    plan = NetworkSpec.from_dict(header | {"layers": layers}).plan()
    object.__setattr__(plan, "name", name)  # names of networks are more limited
    root = ElementTree.fromstring(draw(plan))
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert title.text == "".join(one if one >= " " and one != "\ufffe" else "\ufffd" for one in name)


def test_long_names_are_shortened_in_boxes_and_whole_in_titles() -> None:
    name = ("a_very_long_name_of_a_layer_" * 7)[:LONGEST]
    svg = draw(NetworkSpec.from_text(spec(f"name: {name}, {CONV}")).plan())
    texts = [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert any(text.startswith("…") and name.endswith(text[1:]) for text in texts)
    assert f'data-name="{name}"' in svg
