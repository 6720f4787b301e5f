"""What became of the weights of a file in a network."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

_MOST_NAMED = 6


class WeightsReport(BaseModel):
    """What a network took of the weights of a file, and what it did not.

    The counts of batches that norms keep (`num_batches_tracked`) are not counted.

    Attributes:
        file: The file.
        sha256: The SHA-256 of the file.
        nested: Where in the file the weights are, such as `state_dict`; empty where they are all of it.
        prefix: What the keys of the file begin with, and those of the network do not, such as `module.`.
        taken: How many tensors of the network come from the file.
        total: How many tensors the network has.
        fresh: The keys of the network's tensors that do not come from the file.
        reset: The classifiers that start fresh because the file has another number of classes: that number, and
            the network's.
        absent: The auxiliary heads and classifiers that start fresh because the file lacks them.
        unused: The heads of the file that the network lacks.
        missing: With `partial`, the keys of other tensors that the file lacks.
        unexpected: With `partial`, the other keys of the file, without the prefix, that the network lacks.
        reshaped: With `partial`, the keys of tensors of another shape, and both shapes.
        normalized: Whether images are normalized as in the run that trained the weights.
        cuts: The widths before and after pruning, where they are of a pruned network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    nested: str = ""
    prefix: str = ""
    taken: int
    total: int
    fresh: tuple[str, ...] = ()
    reset: dict[str, tuple[int, int]] = {}
    absent: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    normalized: bool = False
    cuts: dict[str, tuple[int, int]] = {}

    @property
    def fits(self) -> bool:
        """Whether all fits but auxiliary heads and classifiers."""
        return not (self.missing or self.unexpected or self.reshaped)

    def __str__(self) -> str:
        return "\n  ".join(self.lines())

    def lines(self) -> list[str]:
        """Return the report as text: a line in short, and one for each kind of misfit, by layer."""
        new = [f"{name} ({found:,} -> {classes:,} classes)" for name, (found, classes) in self.reset.items()]
        new += [f"{name} (not in the file)" for name in self.absent]
        short = [f"{self.taken:,} of {self.total:,} tensors"]
        short += [f"new: {', '.join(new)}"] if new else []
        head = f"{self.file}: {'; '.join(short)}"
        head += f" · without: {', '.join(self.unused)}" if self.unused else ""
        found = [f"in {self.nested}"] if self.nested else []
        found += [f"prefix {self.prefix}"] if self.prefix else []
        found += ["images normalized as in that run"] if self.normalized else []
        head += f" · {' · '.join(found)}" if found else ""
        return [head, *self.misfits()]

    def misfits(self) -> list[str]:
        """Return a line for each kind of misfit, by layer; none if all fits."""
        lines = [f"missing: {by_layer(self.missing)}"] if self.missing else []
        lines += [f"unexpected: {by_layer(self.unexpected)}"] if self.unexpected else []
        shapes = [f"{key} ({_text(found)}, expected {_text(own)})" for key, (found, own) in self.reshaped.items()]
        return lines + ([f"of another shape: {_first(shapes)}"] if shapes else [])


def by_layer(keys: Iterable[str]) -> str:
    """Format keys of tensors by the first part of their names: `conv1 (5 tensors), fc.bias`."""
    layers: dict[str, list[str]] = {}
    for key in keys:
        layers.setdefault(key.partition(".")[0], []).append(key)
    texts = [found[0] if len(found) == 1 else f"{layer} ({len(found)} tensors)" for layer, found in layers.items()]
    return _first(texts)


def _first(texts: list[str]) -> str:
    """Format texts as a list: the first six, then how many more there are."""
    more = f" and {len(texts) - _MOST_NAMED} more" if len(texts) > _MOST_NAMED else ""
    return ", ".join(texts[:_MOST_NAMED]) + more


def _text(shape: tuple[int, ...]) -> str:
    """Format a shape."""
    return " x ".join(map(str, shape)) or "a single value"
