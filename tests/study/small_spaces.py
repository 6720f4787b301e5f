"""Spaces as a study's file would say them, and random candidates of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.tiny_studies import SPEC

from archbuilder import NetworkSpec
from archbuilder.errors import Problem, Source
from archbuilder.spec import nodes
from archbuilder.spec.reader import read_yaml
from archbuilder.study.hyperparameters import Value, Values
from archbuilder.study.lines import make_space, read_lines
from archbuilder.study.space import Space

TINY = NetworkSpec.from_text(SPEC, "tiny.yaml")


def read(space: str, spec: NetworkSpec = TINY) -> tuple[Space | None, list[Problem]]:
    """Read the `space:` of a study; give it and what is wrong."""
    problems: list[Problem] = []
    node = read_yaml(Source("study.yaml", f"space: {space}"), problems)
    assert isinstance(node, nodes.MappingNode)
    lines = read_lines(node.entries["space"].value, problems)
    return make_space(lines, spec, problems), problems


def good(space: str, spec: NetworkSpec = TINY) -> Space:
    """Read a `space:` that nothing is wrong with."""
    made, problems = read(space, spec)
    assert not problems, "\n".join(map(str, problems))
    assert made is not None
    return made


def candidates(space: Space) -> st.SearchStrategy[dict[str, Value]]:
    """Draw candidates."""
    return st.fixed_dictionaries(
        {parameter.name: st.sampled_from(list(parameter.values)) for parameter in space.hyperparameters}
    )


def drawn(space: Space, random: np.random.Generator) -> dict[str, Value]:
    """Draw one candidate, each value by itself and evenly."""
    return {
        parameter.name: parameter.values[int(random.integers(len(parameter.values)))]
        for parameter in space.hyperparameters
    }


def widths_at(space: Space, values: Values) -> dict[str, int]:
    """Give the widths of a candidate, from the tables of the hyperparameters."""
    found: dict[str, Any] = {}
    for parameter in space.width_parameters:
        row = list(parameter.values).index(values[parameter.name])
        widths: Any = [values[parameter.name]] * len(parameter.names) if parameter.tied is None else parameter.tied[row]
        found |= dict(zip(parameter.names, widths, strict=True))
    return found


def document_with(spec: NetworkSpec, values: Mapping[str, Any]) -> NetworkSpec:
    """Write values into layers of a spec that says all it says at its top, and read it anew."""
    root = nodes.plain(spec.document.root)
    layers = {layer["name"]: layer for layer in root["layers"]}
    for path, value in values.items():
        layer, _, key = path.rpartition(".")
        layers[layer][key] = value
    for layer in root["layers"]:
        layer.pop("in", None)
    return NetworkSpec.from_dict(root)


def texts(space: Space) -> dict[str, str]:
    """Give the values of each hyperparameter in short."""
    return {parameter.name: parameter.text for parameter in space.hyperparameters}
