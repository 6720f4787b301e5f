"""Any network can be looked at, and what is offered gives a network again or is refused in words."""

from typing import Any

from hypothesis import given, settings
from support.nested_specs import nested_specs
from support.random_specs import specs as random_specs

from archbuilder import NetworkSpec
from archbuilder.lint import RULES, lint_document
from archbuilder.lint.change import apply


def lint(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    findings = lint_document(spec.document).findings
    for finding in findings:
        assert finding.code in RULES
        assert finding.message
        assert finding.where.source is spec.document.source
        if finding.change is None:
            continue
        changed = NetworkSpec.from_source(apply(spec.document, finding.change).source)
        assert changed.plan().ops[-1].output_shape == spec.plan().ops[-1].output_shape
        after = lint_document(changed.document).findings
        assert (finding.code, finding.layer, finding.message) not in {(f.code, f.layer, f.message) for f in after}
        new = {f.code for f in after} - {f.code for f in findings}
        assert new <= {*finding.leads_to, "AB001"}


@given(random_specs())
@settings(max_examples=25)  # each is looked at once more for every change that is offered
def test_random_networks(values: dict[str, Any]) -> None:
    lint(values)


@given(nested_specs())
@settings(max_examples=25)
def test_nested_networks(values: dict[str, Any]) -> None:
    lint(values)


def test_a_network_without_a_convolution() -> None:
    lint(
        {
            "input": {"channels": 3, "height": 1, "width": 1},
            "classes": 2,
            "layers": [{"name": "flat", "type": "flatten"}, {"name": "fc", "type": "linear", "out": 2}],
        }
    )
