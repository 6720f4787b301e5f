"""Agreement of exports with the module, for every shipped spec and format: `python -m benchmarks.exporting --write`."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import onnxruntime
import torch
from torch import Tensor

import archbuilder
from archbuilder.exporting.files import write_python
from archbuilder.exporting.network import NetworkToExport
from archbuilder.exporting.programs import write_onnx, write_program, write_torchscript
from archbuilder.python_source import python_source
from archbuilder.spec.sources import shipped_names

_PROGRAMS: dict[str, Callable[..., float]] = {"onnx": write_onnx, "pt2": write_program, "pt": write_torchscript}
_TABLE = Path(__file__).parent / "EXPORTING.md"
_HEADING = """\
# Exports of the shipped specs

Every shipped spec, exported and run again at its own input size, for batches of 1 and 3, with random weights under
which every layer matters (variance 2 / fan-in). The largest difference to the outputs of the module is given as a share
of the largest output; a file is kept only if it is at most 1e-4. `python -m benchmarks.exporting --write` makes this
table.

| spec | lines of source | classes | state-dict keys | python | onnx | pt2 | torchscript |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def filled(spec: archbuilder.NetworkSpec) -> dict[str, Tensor]:
    """Give random weights: initial ones may let signals fade, so that nothing but the last bias is compared."""
    torch.manual_seed(0)
    found: dict[str, Tensor] = spec.build(initialized=False).state_dict()
    for key, tensor in found.items():
        if tensor.ndim > 1:
            bound = (6 / (tensor.numel() / len(tensor))) ** 0.5
            tensor.uniform_(-bound, bound)
        elif tensor.is_floating_point():
            tensor.uniform_(*((-0.1, 0.1) if key.endswith(("bias", "running_mean")) else (0.8, 1.2)))
        else:
            tensor.zero_()
    return found


def row(name: str, folder: Path) -> str:
    """Export a spec in every format; give its row."""
    spec = archbuilder.load(name)
    to_export = NetworkToExport(spec, filled(spec))
    source = python_source(spec.document, spec.plan())
    found = [write_python(to_export, folder / "net.py")[1]]
    found += [
        write(to_export, folder / f"net.{suffix}", normalize=False, softmax=False)
        for suffix, write in _PROGRAMS.items()
    ]
    differences = " | ".join(f"{each:.0e}" if each else "0" for each in found)
    keys = len(to_export.weights or ())
    return f"| {name} | {source.text.count(chr(10))} | {source.classes} | {keys} | {differences} |"


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
        versions = f"torch {torch.__version__} and ONNX Runtime {onnxruntime.__version__}, on a CPU"
        _TABLE.write_text(_HEADING + "\n".join(rows) + f"\n\nWith {versions}.\n")


if __name__ == "__main__":
    main()
