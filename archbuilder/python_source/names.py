"""The names of classes in an exported file."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from archbuilder.plan.plan import Chain, Plan
from archbuilder.primitives import Primitive
from archbuilder.primitives.facts import NARROW, PARAMETER
from archbuilder.python_source.included import Included
from archbuilder.python_source.naming import class_name, unused
from archbuilder.python_source.pattern import call_of


def targets_of(plan: Plan, included: Included) -> dict[str, str]:
    """Return how the file writes the class of each operation; those that torch lacks are taken over.

    Raises:
        ArchbuilderError: The source of one cannot be.
    """
    found: dict[str, str] = {}
    for layer in plan.all_layers():
        for op in layer.ops:
            if not isinstance(op.op, Primitive):
                continue
            target = call_of(op).target
            if target in found or target in (PARAMETER, NARROW):
                continue
            plain = target.startswith("torch.nn.")
            found[target] = f"nn.{target.removeprefix('torch.nn.')}" if plain else included.add(target, op.name)
    return found


class ClassNames:
    """Names classes, each differently."""

    def __init__(self, taken: Iterable[str]) -> None:
        """Start with names that are taken."""
        self._taken = set(taken)

    def of(self, sets: Sequence[Sequence[Chain]]) -> list[str]:
        """Return the names of the classes of a block, or of a sequence, given the instances of each."""
        base = class_name(sets[0][0].label or _common_name([chain.name for chains in sets for chain in chains]))
        found = []
        for position, chains in enumerate(sets):
            wanted = base if position == 0 else base + _difference(chains, sets)
            name = unused(wanted, self._taken)
            self._taken.add(name)
            found.append(name)
        return found


def _common_name(names: Sequence[str]) -> str:
    """Return what names of sequences begin with: `stage` of `stage1` and `stage2`."""
    if len(set(names)) == 1 and not names[0].isdigit():
        return names[0]
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    return "".join(letters[0] for letters in alike).rstrip("0123456789_-") or "stage"


def _difference(chains: Sequence[Chain], sets: Sequence[Sequence[Chain]]) -> str:
    """Return an argument that these instances alone have, such as `Stride2`."""
    others = [chain for each in sets if each is not chains for chain in each]
    for key, value in chains[0].arguments.items():
        plain = isinstance(value, int | str) and not isinstance(value, bool) and str(value).isalnum()
        if key in ("in", "classes") or not plain or not key[0].isalpha():
            continue
        alike = all(chain.arguments.get(key) == value for chain in chains)
        if alike and all(other.arguments.get(key) != value for other in others):
            return class_name(f"{key}{value}")
    return ""
