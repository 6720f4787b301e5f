"""The module that a spec becomes."""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from torch import Tensor, nn

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.modules.blocks import Child, Path, Seen, add_children, follow, output_name


@cache
def training_output(heads: tuple[str, ...]) -> Any:
    """Return the named tuple type `(logits, <heads>)` that training returns; instances can be pickled."""
    make: Any = namedtuple  # the fields are the spec's names, which no type checker knows
    output = make("TrainingOutput", ("logits", *heads))
    output.__reduce__ = lambda self: (_restore_output, (heads, tuple(self)))
    return output


def _restore_output(heads: tuple[str, ...], values: tuple[Tensor, ...]) -> Any:
    return training_output(heads)(*values)


class Network(nn.Module):
    """A network: layers in order, and auxiliary heads that are used only in training.

    In evaluation, or without heads, the module maps images of N x C x H x W to logits of N x classes. In training
    with heads it returns a named tuple `(logits, <heads>)`, the head of the deepest tap first: `(logits, aux2, aux1)`.
    Where a head taps a place inside a block, training runs that block's children one by one, so that a forward hook
    on the block itself is called in evaluation alone.

    Other operations on a network are functions (`head_names`, `drop_heads`), not methods: a layer may have
    any name that does not start with an underscore, and torch takes no child whose name is an attribute already.
    """

    def __init__(
        self,
        label: str,
        children: Mapping[str, Child],
        path: Path,
        heads: Mapping[str, str],
        classifiers: Sequence[str] = (),
        classes: int | None = None,
    ) -> None:
        """Assemble the network.

        Args:
            label: The name it is printed by.
            children: Layers, factors and heads by name, in the order of the state dict.
            path: The path that data takes through the layers.
            heads: The place that each head attaches to, by the head's name, in the order of the output.
            classifiers: The names of the layers whose outputs are the classes, which start fresh for other classes.
            classes: The number of classes.
        """
        super().__init__()
        self._label = label
        self._path = path
        self._heads = dict(heads)
        self._classifiers, self._classes = tuple(classifiers), classes
        self._output = training_output(tuple(heads))
        add_children(self, children)

    def forward(self, x: Tensor) -> Any:
        """N x C x H x W -> N x classes; in training with heads, a named tuple of such."""
        if not (self.training and self._heads):
            return follow(self, self._path, x)
        return self._run(x, dict.fromkeys(self._heads.values()))

    def _run(self, x: Tensor, seen: Seen) -> Any:
        """Run as `forward` does, and record the outputs of places, among which are those that heads attach to."""
        logits = follow(self, self._path, x, seen)
        if not (self.training and self._heads):
            return logits
        return self._output(logits, *(self.get_submodule(head)(seen[after]) for head, after in self._heads.items()))

    def _get_name(self) -> str:
        return self._label

    def __getstate__(self) -> dict[str, Any]:
        # The type of the output is made at run time, which pickle cannot name: it is made again from the heads.
        return {key: value for key, value in self.__dict__.items() if key != "_output"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._output = training_output(tuple(self._heads))


def head_names(network: Network) -> tuple[str, ...]:
    """Return the names of the auxiliary heads, in the order of the output."""
    return tuple(network._heads)


def drop_heads(network: Network) -> None:
    """Remove the auxiliary heads: in both modes the network then returns only logits."""
    for head in network._heads:
        delattr(network, head)
    network._heads = {}


def features(network: Network, images: Tensor, names: Sequence[str]) -> list[Tensor]:
    """Return the outputs of named places, as of a backbone; heads do not run.

    Args:
        network: The network, in evaluation or training mode.
        images: N x C x H x W.
        names: Full names of layers or of places inside them, such as `stage2` or `stage2.0.conv1`.

    Returns:
        One tensor for each name, in their order.

    Raises:
        ArchbuilderError: A name is not that of a place in the network, or the place is inside a single operation.
    """
    places = [name for name, _ in network.named_modules() if name]
    places += [name for name, _ in network.named_parameters()]
    for name in names:
        if name not in places or name.split(".")[0] in network._heads:
            raise ArchbuilderError(f"{network._label} has no place {name!r}{did_you_mean(name, places)}")
    seen: Seen = dict.fromkeys(names)
    follow(network, network._path, images, seen)
    return _recorded(seen, names)


def forward_with_features(network: Network, images: Tensor, names: Sequence[str]) -> tuple[Any, list[Tensor]]:
    """Run a network as its call does, and return the outputs of named places too.

    Args:
        network: The network, in evaluation or training mode; its heads run as usual.
        images: N x C x H x W.
        names: Full names of places that `features` takes.

    Returns:
        What the network returns, and one tensor for each name, in their order.
    """
    heads = network._heads.values() if network.training else ()
    seen: Seen = dict.fromkeys([*names, *heads])
    output = network._run(images, seen)
    return output, _recorded(seen, names)


def _recorded(seen: Seen, names: Sequence[str]) -> list[Tensor]:
    """Return the outputs of places, in order; raise an error if one has none."""
    missing = [name for name in names if seen[name] is None]
    if missing:
        raise ArchbuilderError(f"{missing[0]} is inside one operation: it has no output of its own")
    return [output for name in names if (output := seen[name]) is not None]


def forward_features(network: Network, images: Tensor) -> Tensor:
    """Return the last map of more than one position: the features before pooling and the classifier.

    Args:
        network: The network.
        images: N x C x H x W.

    Returns:
        N x C' x H' x W'; the images where no layer gives a map.
    """
    steps = network._path.steps
    names = [output_name(step) for step in steps]
    seen: Seen = dict.fromkeys(filter(None, names))
    follow(network, network._path, images, seen)
    for end in range(len(steps), 0, -1):
        name = names[end - 1]
        output = seen[name] if name else follow(network, Path(steps[:end]), images)  # a fork without a name
        if output is not None and output.ndim == 4 and output.shape[2:].numel() > 1:
            return output
    return images
