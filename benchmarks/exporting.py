"""Agreement of exports with the module, for every shipped spec and format: `python -m benchmarks.exporting --write`."""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import archbuilder
from archbuilder.spec.sources import shipped_names

_FORMATS = {"python": "py", "onnx": "onnx", "pt2": "pt2", "torchscript": "pt"}
_TABLE = Path(__file__).parent / "EXPORTING.md"
_HEADING = """\
# Exports of the shipped specs

Every shipped spec with initial weights (seed 0), exported and run again at its own input size, for batches of 1 and 3.
The largest difference to the outputs of the module is given as a share of the largest output; a file is kept only if it
is at most 1e-4. `python -m benchmarks.exporting --write` makes this table.

| spec | lines of source | classes | state-dict keys | python | onnx | pt2 | torchscript |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def row(name: str, folder: Path) -> str:
    """Export a spec in every format; give its row."""
    done = {
        kind: archbuilder.export(name, folder / f"net.{suffix}", kind, force=True) for kind, suffix in _FORMATS.items()
    }
    source = done["python"]
    said = [_difference(each.difference) for each in done.values()]
    return f"| {name} | {source.lines} | {source.classes} | {source.keys} | {' | '.join(said)} |"


def _difference(found: float | None) -> str:
    return f"{found:.0e}" if found else "0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("specs", nargs="*", help="Shipped specs; by default all.")
    parser.add_argument("--write", action="store_true", help=f"Write {_TABLE.name}.")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with TemporaryDirectory() as folder:
        for name in given.specs or shipped_names("specs"):
            begun = time.perf_counter()
            rows.append(row(name, Path(folder)))
            print(rows[-1], f"{time.perf_counter() - begun:.0f} s", flush=True)
    if given.write:
        versions = f"torch {torch.__version__}"
        _TABLE.write_text(f"{_HEADING}" + "\n".join(rows) + f"\n\nWith {versions}.\n")


if __name__ == "__main__":
    main()
