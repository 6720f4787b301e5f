"""Small specs whose drawings are golden files, each for something that only it has."""

THREE = """
name: three
input: {channels: 1, height: 8, width: 8}
classes: 10
layers:
  - {name: conv, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: pool, type: spatial_mean}
  - {name: fc, type: linear, out: $classes}
"""

FOLDED = """
name: folded
input: {channels: 4, height: 8, width: 8}
output: map
layers:
  - name: stage
    repeat: 3
    sequence:
      - add: [[], [{type: conv, out: 4, kernel: 3, padding: 1, norm: batch}, {type: convolution, out: 4, kernel: 1}]]
      - {type: activation}
  - {name: end, type: convolution, out: 2, kernel: 1, stride: 2}
"""

UNET = """
name: unet
input: {channels: 3, height: 8, width: 8}
output: map
layers:
  - {name: down, type: conv, out: 4, kernel: 3, padding: 1}
  - {name: pool, type: max_pool, kernel: 2}
  - {name: middle, type: conv, out: 8, kernel: 3, padding: 1}
  - {name: grow, type: upsample, factor: 2}
  - {name: up, from: [down, grow], type: conv, out: 4, kernel: 3, padding: 1}
"""

HEADS = """
name: heads
input: {channels: 3, height: 8, width: 8}
classes: 5
layers:
  - {name: mixed, type: inception, 1x1: 4, 3x3red: 2, 3x3: 4, 5x5red: 1, 5x5: 2, pool_proj: 2}
  - {name: pool, type: spatial_mean}
  - {name: fc, type: linear, out: $classes}
aux:
  - {name: side, after: mixed, layers: [{type: spatial_mean}, {type: linear, out: 5}]}
"""

SPLIT = """
name: split
input: {channels: 4, height: 4, width: 4}
output: map
layers:
  - {name: halves, split: 2, concat: [[], [{type: convolution, out: 2, kernel: 3, padding: 1, groups: 2}]]}
  - {name: mix, type: channel_shuffle, groups: 2}
"""

CHANGED = """
name: changed
input: {channels: 1, height: 8, width: 8}
classes: 10
layers:
  - {name: conv, type: conv, out: 6, kernel: 5, padding: 2}
  - {name: more, type: conv, out: 6, kernel: 1}
  - {name: mean, type: spatial_mean}
  - {name: fc, type: linear, out: $classes}
"""
