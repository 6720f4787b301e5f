"""What is found in published networks, all of which can be defended."""

from pathlib import Path

import pytest

from archbuilder import load
from archbuilder.lint import lint_document

FOLDER = Path(__file__).parent / "networks"
FOUND = {
    "alexnet": "AB107 features.2 · AB102 avgpool · AB112 avgpool",  # its last map is pooled without more channels
    "xception": "",
}
SHIPPED = {
    "convnext_tiny_torchvision": "",
    # Bottlenecks of 128 channels reduce once more than 128 arrive; the input that is concatenated is no small kernel.
    "densenet121_torchvision": "AB109 features.conv0 · AB104 features.denseblock1.denselayer1"
    " · AB104 features.denseblock1.denselayer2 · AB104 features.denseblock1.denselayer3"
    " · AB104 features.denseblock2.denselayer1",
    "efficientnet_b0_torchvision": "",  # an identity under a condition is a shortcut
    "ghostnet_timm": "",
    "mobilenet_v2_torchvision": "",
    "mobilenet_v3_large_torchvision": "",
    "regnet_y_400mf_torchvision": "",
    "resnet50_torchvision": "AB104 layer1.0",  # 64 of the 64 channels that its stem gives
    "shufflenet_v2_x1_0_torchvision": "AB102 maxpool",
    # Everything passes through the squeezes of its modules.
    "squeezenet1_0_torchvision": "AB101 features.3 · AB101 features.4 · AB101 features.7 · AB101 features.12"
    " · AB112 classifier.2",
    "vgg16_bn_torchvision": "AB102 avgpool · AB112 avgpool · AB102 features",  # 512 channels at 28, 14 and 7
}


def test_every_network_is_looked_at() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == FOUND.keys()


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found_can_be_defended(name: str) -> None:
    findings = lint_document(load(FOLDER / f"{name}.yaml").document).findings
    assert " · ".join(f"{finding.code} {finding.layer}" for finding in findings) == FOUND[name]


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_found_in_a_shipped_network_is_suppressed_with_a_reason(name: str) -> None:
    found = lint_document(load(name).document)
    assert found.findings == ()
    suppressed = [finding for finding in found.suppressed if finding.code != "AB301"]  # ConvNeXt's numbering
    assert " · ".join(f"{finding.code} {finding.layer}" for finding in suppressed) == SHIPPED[name]
