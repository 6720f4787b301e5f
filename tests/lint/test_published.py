"""What is found in published networks, all of which can be defended; some are less deep here."""

from pathlib import Path

import pytest

from archbuilder import NetworkSpec
from archbuilder.lint import lint_document

FOLDER = Path(__file__).parent / "networks"
FOUND = {
    "alexnet": "AB107 features.2 · AB102 avgpool · AB112 avgpool",  # its last map is pooled without more channels
    "convnext": "",
    # Bottlenecks of 128 channels reduce once more than 128 arrive; the input that is concatenated is no small kernel.
    "densenet": "AB104 block1.0.bottleneck · AB104 block1.1.bottleneck · AB104 block1.2.bottleneck"
    " · AB104 block2.0.bottleneck · AB104 block2.1.bottleneck",
    "efficientnet_b0": "",  # an identity under a condition is a shortcut
    "ghostnet": "",
    "mobilenet_v2": "",
    "mobilenet_v3": "",
    "regnet_y": "",
    "resnet50": "AB104 layer1.0",  # 64 of the 64 channels that its stem gives
    "shufflenet_v2": "AB102 pool · AB201 stage2 · AB201 stage3 · AB112 conv5",  # less deep than published: sees 63 x 63
    # Everything passes through the squeezes of its modules.
    "squeezenet": "AB101 features.2 · AB101 features.3 · AB101 features.5 · AB101 features.8 · AB112 last",
    "vgg16_bn": "AB102 features.16 · AB102 avgpool · AB112 avgpool",  # 512 channels at 28, 14 and 7
    "xception": "",
}


def test_every_network_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == FOUND.keys()


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found_can_be_defended(name: str) -> None:
    findings = lint_document(NetworkSpec.load(FOLDER / f"{name}.yaml").document).findings
    assert " · ".join(f"{finding.code} {finding.layer}" for finding in findings) == FOUND[name]
