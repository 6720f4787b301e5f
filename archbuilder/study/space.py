"""A search space: its hyperparameters, and what their values set."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Literal

import numpy as np

from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.study.hyperparameters import Hyperparameter, Value, Values

ENUMERATED = 10_000
"""Up to how many candidates a space is gone through one by one, to know when it is exhausted."""


def settings_of(spec: NetworkSpec, names: Iterable[str]) -> dict[str, Value]:
    """Return what a spec has of some widths and other keys; without those that it lacks."""
    found: dict[str, Value] = {}
    for name in names:
        try:
            value = spec.widths[name] if name in spec.widths else spec.value(name)
        except ArchbuilderError:
            continue
        if isinstance(value, Value):
            found[name] = value
    return found


@dataclass(frozen=True)
class Space:
    """The hyperparameters of a search, at least one, each with at least one value: widths first, each in spec order."""

    hyperparameters: tuple[Hyperparameter, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Hyperparameter]:
        """The hyperparameters by name."""
        return {parameter.name: parameter for parameter in self.hyperparameters}

    @cached_property
    def width_parameters(self) -> tuple[Hyperparameter, ...]:
        """Those that set widths."""
        return tuple(parameter for parameter in self.hyperparameters if parameter.is_width)

    @cached_property
    def choice_parameters(self) -> tuple[Hyperparameter, ...]:
        """Those that set other keys."""
        return tuple(parameter for parameter in self.hyperparameters if not parameter.is_width)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All that is searched: widths and other keys."""
        return tuple(name for parameter in self.hyperparameters for name in parameter.names)

    @cached_property
    def width_names(self) -> tuple[str, ...]:
        """The searched widths."""
        return tuple(name for parameter in self.width_parameters for name in parameter.names)

    @cached_property
    def multiples(self) -> Mapping[str, int]:
        """What each searched width is a multiple of."""
        return {name: parameter.multiple_of for parameter in self.width_parameters for name in parameter.names}

    @property
    def candidates(self) -> int:
        """How many candidates there are, exactly: those over a budget and invalid networks included."""
        return prod(len(parameter.values) for parameter in self.hyperparameters)

    def widths(self, values: Values) -> dict[str, int]:
        """Return the searched widths of a candidate by name."""
        return {name: int(width) for name, width in self._settings(self.width_parameters, values)}

    def structure(self, values: Values) -> dict[str, Value]:
        """Return what a candidate sets beside widths, by path."""
        return dict(self._settings(self.choice_parameters, values))

    def _settings(self, parameters: Iterable[Hyperparameter], values: Values) -> Iterator[tuple[str, Value]]:
        for parameter in parameters:
            row = parameter.rows[parameter.position(values[parameter.name])]
            yield from zip(parameter.names, row, strict=True)

    def values_of(self, spec: NetworkSpec) -> dict[str, Value] | None:
        """Return the candidate that a spec is, or None if the space does not contain it."""
        settings = settings_of(spec, self.names)
        found = {p.name: value for p in self.hyperparameters if (value := p.find(settings)) is not None}
        return found if len(found) == len(self.hyperparameters) else None

    def end(self, end: Literal[0, -1]) -> dict[str, Value]:
        """Return the candidate with the first value of every hyperparameter, or with the last."""
        return {parameter.name: parameter.values[end] for parameter in self.hyperparameters}

    def described(self) -> dict[str, str | dict[str, str]]:
        """Return the values of each in full; if it sets several things, of each of them, step by step."""
        return {
            parameter.name: parameter.texts if len(parameter.names) > 1 else parameter.text
            for parameter in self.hyperparameters
        }

    @property
    def is_enumerated(self) -> bool:
        """Whether there are so few candidates that they are gone through one by one."""
        return self.candidates <= ENUMERATED

    def shuffled(self, generator: np.random.Generator, draws: int) -> Iterator[dict[str, Value]]:
        """Yield all candidates in a random order where they are few, else `draws`, each value by itself and evenly."""
        names, values = list(self.by_name), [parameter.values for parameter in self.hyperparameters]
        if self.is_enumerated:
            everything = list(product(*values))
            for number in generator.permutation(len(everything)):
                yield dict(zip(names, everything[int(number)], strict=True))
            return
        counts = [len(some) for some in values]
        for _ in range(draws):
            numbers = generator.integers(counts).tolist()
            yield {name: some[number] for name, some, number in zip(names, values, numbers, strict=True)}
