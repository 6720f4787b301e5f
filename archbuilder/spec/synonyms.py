"""Names of layers and keys in other frameworks, for suggestions in errors."""

import re
from collections.abc import Iterable

from archbuilder.errors import nearest
from archbuilder.primitives import ACTIVATIONS

_LAYERS = {
    "conv2d": "convolution",
    "bn": "batch_norm",
    "batchnormalization": "batch_norm",
    "gn": "group_norm",
    "groupnormalization": "group_norm",
    "lrn": "local_response_norm",
    "fc": "linear",
    "dense": "linear",
    "fullyconnected": "linear",
    "maxpooling": "max_pool",
    "averagepooling": "avg_pool",
    "averagepool": "avg_pool",
    "avgpooling": "avg_pool",
    "globalaveragepooling": "global_avg_pool",
    "globalaveragepool": "global_avg_pool",
    "gap": "global_avg_pool",
    "adaptiveaveragepool": "adaptive_avg_pool",
    "separableconv": "depthwise_separable",
    "shuffle": "channel_shuffle",
    "skip": "identity",
    **{name.replace("_", ""): f"{{type: activation, function: {name}}}" for name in ACTIVATIONS if name != "none"},
    "swish": "{type: activation, function: silu}",
    "leaky": "{type: activation, function: leaky_relu}",
}
_KEYS = {
    "out_channels": "out",
    "out_features": "out",
    "filters": "out",
    "units": "out",
    "channels": "out",
    "in_channels": "in",
    "in_features": "in",
    "num_features": "in",
    "kernel_size": "kernel",
    "pool_size": "kernel",
    "strides": "stride",
    "dilation_rate": "dilation",
    "num_groups": "groups",
    "output_size": "output",
    "rate": "p",
    "use_bias": "bias",
}


def type_here(word: str, known: Iterable[str]) -> str | None:
    """Return the layer type here for one of another framework, or None."""
    plain = re.sub(r"[_\- ]", "", word.casefold())
    bare = re.sub(r"[123]d$", "", plain)
    for form in (plain, bare):
        if form in _LAYERS:
            return _LAYERS[form]
    return next((name for name in known if name.replace("_", "") == bare), None)


def near_key(key: str, known: Iterable[str]) -> str | None:
    """Return the known key for a key of another framework or a misspelled one; else None."""
    keys = list(known)
    here = _KEYS.get(key.casefold())
    return here if here in keys else nearest(key, keys)
