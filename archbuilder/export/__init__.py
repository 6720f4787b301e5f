"""Export: networks and weights leave as Python source, ONNX, exported programs, TorchScript and safetensors."""
