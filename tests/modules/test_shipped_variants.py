"""Shipped networks and blocks make their relatives too: torchvision 0.28's, by parameters and state-dict keys."""

import hashlib
import json

import pytest

from archbuilder import NetworkSpec

EFFICIENTNET_V2_S = """
input: {channels: 3, height: 384, width: 384}
classes: 1000
conv: {norm: batch, eps: 0.001, activation: silu, conv_name: 0, norm_name: 1, activation_name: 2}
defaults: {mbconv: {squeeze_activation: silu, gate: sigmoid}}
layers:
  - name: features
    sequence:
      - {type: conv, out: 24, kernel: 3, stride: 2, padding: 1}
      - {sequence: [{type: fused_mbconv, out: 24, expansion: 1, repeat: 2}]}
      - {sequence: [{type: fused_mbconv, out: 48, repeat: 4, first: {stride: 2}}]}
      - {sequence: [{type: fused_mbconv, out: 64, repeat: 4, first: {stride: 2}}]}
      - {sequence: [{type: mbconv, out: 128, expansion: 4, squeeze: $in // 4, repeat: 6, first: {stride: 2}}]}
      - {sequence: [{type: mbconv, out: 160, squeeze: $in // 4, repeat: 9}]}
      - {sequence: [{type: mbconv, out: 256, squeeze: $in // 4, repeat: 15, first: {stride: 2}}]}
      - {type: conv, out: 1280, kernel: 1}
  - {name: avgpool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: classifier, sequence: [{type: dropout, p: 0.2}, {type: linear, out: $classes}]}
"""
RESNEXT_50 = """
extends: resnet50_torchvision
layers:
  layer1: {width: 128, groups: 32}
  layer2: {width: 256, groups: 32}
  layer3: {width: 512, groups: 32}
  layer4: {width: 1024, groups: 32}
"""
RESNET_34 = """
extends: resnet18_torchvision
layers: {layer1: {repeat: 3}, layer2: {repeat: 4}, layer3: {repeat: 6}, layer4: {repeat: 3}}
"""
VGG_11 = """
input: {channels: 3, height: 224, width: 224}
classes: 1000
defaults: {vgg_stage: {norm: none}}
layers:
  - name: features
    sequence:
      - {type: vgg_stage, splice: true, depth: 1, out: 64}
      - {type: vgg_stage, splice: true, depth: 1, out: 128}
      - {type: vgg_stage, splice: true, out: 256}
      - {type: vgg_stage, splice: true, out: 512, repeat: 2}
  - {type: vgg_classifier, splice: true}
"""
DENSENET_169 = """
extends: densenet121_torchvision
layers:
  features.denseblock3.denselayer{1}: {repeat: 32}
  features.denseblock4.denselayer{1}: {repeat: 32}
"""
# The keys and shapes as in the parity facts; of their SHA-256 the first 16 digits.
VARIANTS = {
    "efficientnet_v2_s": (EFFICIENTNET_V2_S, 21458488, 782, "6e15609d8b70be64"),
    "resnext50_32x4d": (RESNEXT_50, 25028904, 320, "513ad3b3dc34e094"),
    "resnet34": (RESNET_34, 21797672, 218, "ea3c41f6d89ab8bc"),
    "vgg11": (VGG_11, 132863336, 22, "93a19f0b05160220"),
    "densenet169": (DENSENET_169, 14149480, 1015, "33ce2a5393d63356"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_relative_has_the_keys_of_torchvision(name: str) -> None:
    text, parameters, keys, digest = VARIANTS[name]
    spec = NetworkSpec.from_text(text)
    assert spec.plan().parameters == parameters
    state = [[key, list(tensor.shape)] for key, tensor in spec.build(initialized=False).state_dict().items()]
    assert len(state) == keys
    assert hashlib.sha256(json.dumps(state).encode()).hexdigest().startswith(digest)
