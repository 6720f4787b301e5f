"""Any network can be looked at, and what is offered gives a network again or is refused in words."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from support.nested_specs import nested_specs
from support.random_specs import specs as random_specs

from archbuilder import ArchbuilderError, NetworkSpec
from archbuilder.lint import RULES, criticise
from archbuilder.lint.change import apply


def look(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    for finding in criticise(spec.document).findings:
        assert finding.code in RULES
        assert finding.message
        assert finding.where.source is spec.document.source
        if finding.change is None:
            continue
        with suppress(ArchbuilderError):  # anything else is a fault of ours
            changed = apply(spec.document, finding.change)
            NetworkSpec.from_source(changed.source)


@given(random_specs())
def test_random_networks(values: dict[str, Any]) -> None:
    look(values)


@given(nested_specs())
def test_nested_networks(values: dict[str, Any]) -> None:
    look(values)


def test_a_network_without_a_convolution() -> None:
    look(
        {
            "input": {"channels": 3, "height": 1, "width": 1},
            "classes": 2,
            "layers": [{"name": "flat", "type": "flatten"}, {"name": "fc", "type": "linear", "out": 2}],
        }
    )
