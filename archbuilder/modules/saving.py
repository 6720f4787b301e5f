"""Save and load weights, with a checksum that is verified on loading."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from archbuilder.errors import ArchbuilderError
from archbuilder.modules.build import build_network
from archbuilder.modules.network import Network
from archbuilder.plan.plan import Plan
from archbuilder.spec.checkpoints import METADATA
from archbuilder.spec.writing import write_bytes

_KEY = METADATA  # the only entry of the metadata, as safetensors writes several in any order
_CHECKSUM = "sha256"  # faster than reading from disks


def save_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None) -> None:
    """Write tensors atomically as safetensors with a checksum; memory formats are not kept.

    Args:
        path: Where the file is to stand.
        tensors: By name, on any device.
        header: Further JSON data, which is stored under `archbuilder` in the file's metadata.

    Raises:
        ArchbuilderError: The file cannot be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = dict(header or {})
    text = json.dumps(content | {_CHECKSUM: tensors_digest(plain, content)})
    # safetensors' own writing would leave a temporary file if it is killed.
    write_bytes(path, save(plain, metadata={_KEY: text}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of `save_tensors`: the tensors and the header.

    Raises:
        ArchbuilderError: As `read_safetensors` does, or the file was not written by `save_tensors`.
    """
    tensors, header = read_safetensors(path)
    if header is None:
        raise ArchbuilderError(f"{path}: holds weights alone; expected a file that archbuilder wrote")
    return tensors, header


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """Read a safetensors file of any program.

    Returns:
        The tensors, which the system reads when they are first used, and the header of `save_tensors`; without one the
        file is another program's, and there is no checksum to verify.

    Raises:
        ArchbuilderError: The file cannot be read, is not a whole safetensors file, or was changed since `save_tensors`
            wrote it.
    """
    try:
        path.open("rb").close()  # safetensors reports an unreadable file as missing
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise ArchbuilderError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (SafetensorError, UnicodeDecodeError) as error:
        raise ArchbuilderError(f"{path}: not a whole safetensors file: {error}") from None
    if text is None:
        return tensors, None
    try:
        header: dict[str, Any] = json.loads(text)
        checksum = header.pop(_CHECKSUM)
    except (ValueError, AttributeError, KeyError, TypeError):
        checksum = header = None  # type: ignore[assignment]
    if header is None or checksum != tensors_digest(tensors, header):
        raise ArchbuilderError(f"{path}: damaged: its content is not what was written (its checksum differs)")
    return tensors, header


def tensors_digest(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a header and of every tensor's name, type, shape and bytes, in hexadecimal digits."""
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def trained_network(plan: Plan, weights: Mapping[str, Tensor]) -> Network:
    """Build a network with weights, in evaluation mode, its convolutions in channels_last memory format.

    Raises:
        ArchbuilderError: The weights are not those of the plan.
    """
    network = build_network(plan, initialized=False)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise ArchbuilderError(f"the weights are not those of {plan.name}: {error}") from None
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
