"""The outputs of named places of a network, as of a backbone."""

from typing import Any

import pytest
import torch

import archbuilder
from archbuilder.errors import ArchbuilderError

SPEC = """\
input: {channels: 3, height: 16, width: 16}
classes: 4
layers:
  - {name: stem, type: conv, out: 4, kernel: 3, padding: 1}
  - name: stage
    repeat: 2
    sequence: [{name: c, type: conv, out: 4, kernel: 3, padding: 1}, {name: gain, type: scale}]
  - {name: mixed, concat: {a: [], b: {type: conv, out: 2, kernel: 1}}}
  - {name: pool, type: global_avg_pool}
  - {name: flat, type: flatten}
  - {name: fc, type: linear, out: 4}
aux:
  - {name: head, after: stem, layers: [{type: global_avg_pool}, {type: flatten}, {type: linear, out: 4}]}
"""


def test_features_are_what_leaves_each_place() -> None:
    network: Any = archbuilder.NetworkSpec.from_text(SPEC).build()
    images = torch.rand(2, 3, 16, 16)
    names = ["mixed", "stem", "stage.1.c.conv", "stage.0.gain", "fc"]
    found = archbuilder.features(network, images, names)
    assert [tuple(output.shape[1:]) for output in found] == [(6, 16, 16), (4, 16, 16), (4, 16, 16), (4, 16, 16), (4,)]
    torch.testing.assert_close(found[1], network.stem(images))
    torch.testing.assert_close(found[4], network.eval()(images))
    torch.testing.assert_close(archbuilder.forward_features(network, images), found[0])


def test_of_a_network_without_maps_the_images_are_the_features() -> None:
    layers = "  - {type: flatten}\n  - {type: linear, out: 2}\n"
    text = f"input: {{channels: 1, height: 4, width: 4}}\nclasses: 2\nlayers:\n{layers}"
    network, images = archbuilder.NetworkSpec.from_text(text).build(), torch.rand(1, 1, 4, 4)
    assert archbuilder.forward_features(network, images) is images


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        ("{name: both, concat: [input, []]}", 7),
        ("{concat: [[], {type: activation}]}", 8),
        ("{sequence: [{type: activation}, {concat: [input, []]}]}", 8),
        ("{type: scale}", 4),
        ("{type: activation}", 4),
    ],
)
def test_the_last_map_is_what_the_classifier_reads(layer: str, channels: int) -> None:
    """Whatever gives the last map: a fork with or without a name, which takes earlier outputs or none, or a factor."""
    end = "  - {name: pool, type: global_avg_pool}\n  - {type: flatten}\n  - {type: linear, out: 4}\n"
    body = f"layers:\n  - {{name: c, type: convolution, out: 4, kernel: 3, padding: 1}}\n  - {layer}\n{end}"
    text = "input: {channels: 3, height: 8, width: 8}\nclasses: 4\n" + body
    network: Any = archbuilder.NetworkSpec.from_text(text).build().eval()
    read = []
    network.pool.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    images = torch.rand(2, 3, 8, 8)
    network(images)
    found = archbuilder.forward_features(network, images)
    assert found.shape[1] == channels
    torch.testing.assert_close(found, read[-1])


@pytest.mark.parametrize(
    ("name", "message"),
    [("stge", "has no place 'stge'; did you mean stage?"), ("head", "has no place 'head'"), ("", "has no place ''")],
)
def test_a_place_that_is_not_there(name: str, message: str) -> None:
    network: Any = archbuilder.NetworkSpec.from_text(SPEC).build()
    with pytest.raises(ArchbuilderError) as error:
        archbuilder.features(network, torch.rand(1, 3, 16, 16), [name])
    assert message in str(error.value)
