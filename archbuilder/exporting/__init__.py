"""Export: networks and weights leave as Python source, ONNX, exported programs, TorchScript and safetensors."""

from archbuilder.exporting.library import Exported, Format, export

__all__ = ["Exported", "Format", "export"]
