"""A run on a folder of small pictures, dark and light ones."""

from pathlib import Path

import numpy as np
from PIL import Image

from archbuilder import NetworkSpec, TrainSettings
from archbuilder.runs import RunResult, train_spec

SPEC = """\
name: pictures
input: {channels: 3, height: 12, width: 12}
classes: 2
conv: {norm: batch, activation: relu}
layers:
  - {name: conv1, type: conv, out: 6, kernel: 3, stride: 2}
  - {name: conv2, type: conv, out: 6, kernel: 3}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out: $classes}
"""


def picture(level: float, seed: int = 0) -> Image.Image:
    """Give a picture of noise about a gray level."""
    noise = np.random.default_rng(seed).normal(level, 12, (14, 16, 3))
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8))


def write_pictures(folder: Path, levels: dict[str, float], count: int = 24) -> str:
    """Write a folder of each class; give the data's address."""
    for name, level in levels.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            picture(level, number).save(folder / name / f"{number}.png")
    return f"folder:{folder}@12"


def train_on_pictures(folder: Path) -> RunResult:
    """Train to tell dark pictures from light ones; the run is in `run`, the pictures in `data`."""
    data = write_pictures(folder / "data", {"dark": 60, "light": 180})
    settings = TrainSettings(epochs=4)
    return train_spec(NetworkSpec.from_text(SPEC, "pictures.yaml"), data, folder / "run", settings=settings)
