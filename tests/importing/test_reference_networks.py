"""Networks of torchvision and timm come through exactly; benchmarks/importing.py tries all of them."""

import pytest
from support.reference_models import build

from archbuilder.importing import import_module

SIZES = {"timm.inception_v4": 139}


@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "googlenet",
        "mobilenet_v3_small",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
        "densenet121",
        "regnet_y_400mf",
        "mnasnet0_5",
        "timm.convnext_atto",
        "timm.tf_efficientnet_b0",
        "timm.ghostnet_100",
        "timm.mixnet_s",
        "timm.rexnet_100",
        "timm.repvgg_a0",
        "timm.ese_vovnet19b_dw",
    ],
)
def test_a_network_comes_through_exactly(name: str) -> None:
    module = build(name)
    imported = import_module(module, (3, SIZES.get(name, 96), SIZES.get(name, 96)))
    assert imported.comparison.differences == ()
    assert imported.comparison.macs == imported.comparison.planned_macs
    assert imported.blocks


def test_heads_of_torchvision_become_heads() -> None:
    plan = import_module(build("googlenet"), (3, 96, 96)).spec.plan()
    assert {head.name: head.after for head in plan.heads} == {"aux1": "inception4a", "aux2": "inception4d"}
    assert plan.parameters == 6_624_904


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("timm.res2net50_26w_4s", "the module layer1.0.convs has several inputs or outputs"),
        ("timm.ecaresnet26t", "rearranges"),
    ],
)
def test_what_cannot_be_said_is_named_with_its_line(name: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause) as caught:
        import_module(build(name), (3, 96, 96))
    assert ".py:" in str(caught.value)
