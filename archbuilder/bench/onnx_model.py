"""A network as an ONNX file, for the engines that read one."""

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from archbuilder.errors import ArchbuilderError


def onnx_bytes(network: nn.Module, input_shape: tuple[int, ...]) -> bytes:
    """Return a network in evaluation mode as an ONNX file, with a batch of any size.

    Args:
        network: The network, on the CPU.
        input_shape: C x H x W.

    Raises:
        ArchbuilderError: The exporter fails.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it names operators of torchvision that are not installed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (torch.zeros(2, *input_shape),),
                dynamo=True,
                verbose=False,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65_536)},),
            )
        assert program is not None
        with TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            program.save(str(path))
            return path.read_bytes()
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise ArchbuilderError(f"torch.onnx.export fails: {str(error).strip().splitlines()[0]}") from error
    finally:
        logger.setLevel(level)
