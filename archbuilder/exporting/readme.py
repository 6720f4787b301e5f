"""The README beside an exported run: what the file is, and code that uses it."""

import json
import re
from pathlib import Path

from archbuilder.exporting.network import NetworkToExport
from archbuilder.primitives import shape_text

_CODE = {
    "python": """\
import torch
from safetensors.torch import load_file
from {module} import CLASS_NAMES, INPUT_SHAPE, MEAN, STD, {network}

network = {network}().eval()
network.load_state_dict(load_file({weights}))
images = torch.rand(1, *INPUT_SHAPE) * 255  # your pictures: N x C x H x W
mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
with torch.inference_mode():
    probabilities = network((images - mean) / std).softmax(1)
print(CLASS_NAMES[int(probabilities[0].argmax())])
""",
    "onnx": """\
import json
import numpy
import onnxruntime

session = onnxruntime.InferenceSession({file})
facts = session.get_modelmeta().custom_metadata_map
images = (numpy.random.rand(1, *json.loads(facts["input"])) * 255).astype("float32")  # your pictures: N x C x H x W
{normalize}output = session.run(None, {{"images": images}})[0]
print(json.loads(facts["class_names"])[output[0].argmax()])
""",
    "pt2": """\
import json
import torch

extra = {{"archbuilder.json": ""}}
network = torch.export.load({file}, extra_files=extra).module()
facts = json.loads(extra["archbuilder.json"])
images = torch.rand(1, *facts["input"]) * 255  # your pictures: N x C x H x W
{normalize}with torch.inference_mode():
    output = network(images)
print(facts["class_names"][int(output[0].argmax())])
""",
    "torchscript": """\
import json
import torch

extra = {{"archbuilder.json": ""}}
network = torch.jit.load({file}, _extra_files=extra)
facts = json.loads(extra["archbuilder.json"])
images = torch.rand(1, *facts["input"]) * 255  # your pictures: N x C x H x W
{normalize}with torch.inference_mode():
    output = network(images)
print(facts["class_names"][int(output[0].argmax())])
""",
    "safetensors": """\
import json
from safetensors import safe_open

with safe_open({file}, framework="pt") as file:
    facts = json.loads(file.metadata()["archbuilder"])
    weights = {{name: file.get_tensor(name) for name in file.keys()}}
print(facts["name"], facts["input"], facts["mean"], facts["std"], len(weights))
""",
}
_NORMALIZE = {
    "onnx": """\
mean, std = (numpy.array(json.loads(facts[key]), "float32").reshape(-1, 1, 1) for key in ("mean", "std"))
images = (images - mean) / std
""",
    "torch": """\
mean, std = (torch.tensor(facts[key]).view(-1, 1, 1) for key in ("mean", "std"))
images = (images - mean) / std
""",
}
_WHAT = {
    "python": "PyTorch source, which needs torch alone",
    "onnx": "ONNX, for batches of any size",
    "pt2": "a program of torch.export, for batches of any size",
    "torchscript": "TorchScript, for batches of any size",
    "safetensors": "weights by their state-dict keys",
}


def readme(
    to_export: NetworkToExport,
    path: Path,
    kind: str,
    *,
    network: str = "",
    weights: str = "",
    normalize: bool,
    softmax: bool,
) -> str:
    """Write the README of an exported run.

    Args:
        to_export: What was exported.
        path: The file.
        kind: Its format.
        network: The class of Python source.
        weights: The file of the weights of Python source.
        normalize: Whether the file normalizes images itself.
        softmax: Whether its output is probabilities.
    """
    plan = to_export.plan
    steps = "" if normalize else _NORMALIZE.get(kind, _NORMALIZE["torch"])
    code = _CODE[kind].format(
        file=json.dumps(path.name), module=path.stem, network=network, weights=json.dumps(weights), normalize=steps
    )
    scale = "multiply those from 0 to 1 by 255." if normalize else "for those from 0 to 1 divide both by 255."
    done = "which the file does itself" if normalize else "which the file does not do"
    output = "probabilities" if softmax else "logits"
    listed = [*map(_escaped, to_export.class_names[:_MOST_NAMED])]
    names = ", ".join([*listed, "…"] if len(to_export.class_names) > _MOST_NAMED else listed)
    takes, name = f"N x {shape_text(plan.input_shape)}", _escaped(to_export.spec.name)
    mean, std = (", ".join(f"{value:.6g}" for value in values) for values in (to_export.mean, to_export.std))
    return f"""\
# {_escaped(path.name)}

{name} as {_WHAT[kind]}: images of {takes} to {output} of N x {plan.classes}.

- Classes: {names}
- Normalization, {done}: subtract the mean {mean} and divide by {std}. That is for images with the values
  of the training images, 0 to 255 for pictures; {scale}

```python
{code}```
"""


_MOST_NAMED = 20


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", line)
