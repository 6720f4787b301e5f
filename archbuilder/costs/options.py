"""The options of `archbuilder flops`, in a module that is cheap to import."""

from enum import StrEnum


class By(StrEnum):
    """What the ops of a network are grouped by."""

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
    """Dtypes, by their names in torch."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"

    @property
    def bytes(self) -> int:
        """The size of a value in bytes."""
        return {"float64": 8, "float32": 4}.get(self.value, 2)
