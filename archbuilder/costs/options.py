"""The options of `archbuilder flops`, in a module that is cheap to import."""

from enum import StrEnum


class By(StrEnum):
    """How the rows of `flops --by` group the ops of a network: `operator` by type, `op` one row each."""

    LAYER = "layer"
    BRANCH = "branch"
    STAGE = "stage"
    OPERATOR = "operator"
    OP = "op"


class Sort(StrEnum):
    """The columns by which rows can be sorted."""

    MACS = "macs"
    PARAMETERS = "parameters"
    ACTIVATIONS = "activations"
    NAME = "name"


class Dtype(StrEnum):
    """Floating-point dtypes, by their names in torch."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"

    @property
    def bytes(self) -> int:
        """Bytes of one element."""
        return {"float64": 8, "float32": 4}.get(self.value, 2)
