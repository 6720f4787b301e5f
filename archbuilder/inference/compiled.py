"""A network compiled by `torch.compile`, with its weights as constants."""

from typing import Any

import torch
from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError


class Compiled:
    """Calls a module as `torch.compile` compiles it.

    The weights are frozen, so that the compiler can order them as its kernels read them. That is a setting of the
    whole process: it holds only while a new kind of input is compiled. Everything that makes torch compile anew is part
    of the kind, lest it do so without that setting.
    """

    def __init__(self, module: nn.Module) -> None:
        """Compile a module, which must not change, at the first call."""
        self._module = module
        self._compiled = torch.compile(module)
        self._seen: set[Any] = set()

    def __call__(self, images: Tensor) -> Any:
        """N x C x H x W -> what the module returns.

        Raises:
            ArchbuilderError: The compiler fails.
        """
        images = images.detach()
        kind = (
            (images.shape, images.stride(), images.dtype, images.device),
            (images.is_inference(), torch.is_inference_mode_enabled(), torch.get_num_threads()),
        )
        if kind in self._seen:
            return self._compiled(images)
        from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415 - who compiles nothing needs none of it
        from torch._inductor import config  # noqa: PLC0415

        try:
            with config.patch(freezing=True):
                output = self._compiled(images)
        except TorchDynamoException as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ArchbuilderError(
                f"torch.compile fails: {reason}\n"
                "  on a CPU it needs a C++ compiler such as g++; compile=False does without"
            ) from error
        self._seen.add(kind)
        return output

    def __reduce__(self) -> tuple[type["Compiled"], tuple[nn.Module]]:
        return Compiled, (self._module,)  # a copy compiles anew
