"""Write the pictures of the drawing guide: `python docs/make_drawing.py`."""

from pathlib import Path

from archbuilder import NetworkSpec, load
from archbuilder.spec.writing import write_text

IMAGES = Path(__file__).parent / "images"

NARROWER = """
extends: inception_digits
name: narrower
layers:
  inception2b: null
  inception2a: {3x3: 12, pool_proj: 0}
  dropout: {p: 0.1}
"""


def pictures() -> dict[str, str]:
    """Return the SVG of each picture by its file name."""
    digits = load("inception_digits")
    return {
        "drawing.svg": digits.draw(),
        "drawing_depth.svg": load("googlenet").draw(depth=1, expand=["inception4a"]),
        "drawing_diff.svg": NetworkSpec.from_text(NARROWER).draw(before=digits),
    }


if __name__ == "__main__":
    for name, svg in pictures().items():
        write_text(IMAGES / name, svg)
    print(f"written: {', '.join(pictures())} in {IMAGES}")
