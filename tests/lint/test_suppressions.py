"""Rules are suppressed for a layer or a file, with a reason, and no further."""

import re

import pytest

from archbuilder import NetworkSpec, SpecError
from archbuilder.lint import RULES, lint_document

BAD = RULES["AB201"].bad
REASON = '"the paper has these"'


def codes(text: str) -> tuple[list[str], list[str | None]]:
    found = lint_document(NetworkSpec.from_text(text).document)
    return [finding.code for finding in found.findings], [finding.suppression for finding in found.suppressed]


def test_a_layer() -> None:
    text = BAD.replace("pool_proj: 16", f"pool_proj: 16, lint: {{AB201: {REASON}}}")
    shown, suppressed = codes(text)
    assert "AB201" not in shown
    assert suppressed == ["the paper has these"]


def test_another_layer() -> None:
    text = BAD.replace("padding: 1}", f"padding: 1, lint: {{AB201: {REASON}}}}}", 1)
    shown, suppressed = codes(text)
    assert "AB201" in shown
    assert "AB001" in shown
    assert suppressed == []


def test_the_file() -> None:
    shown, suppressed = codes(f"lint: {{AB201: {REASON}}}\n{BAD}")
    assert "AB201" not in shown
    assert suppressed == ["the paper has these"]


def test_a_code_that_is_none() -> None:
    found = lint_document(NetworkSpec.from_text(f"lint: {{AB210: {REASON}}}\n{BAD}").document).findings
    assert found[0].message == "no rule has the code AB210; did you mean AB201?"
    assert (found[0].code, str(found[0].where)) == ("AB001", "<text>:1:8")


@pytest.mark.parametrize(
    ("lint", "message"),
    [
        ("{AB201: }", "found nothing, expected the reason as a string"),
        ('{AB201: " "}', "expected the reason as a string"),
        ("{AB2: why}", "'AB2' is not a rule code: AB and three digits, such as AB104"),
        ("[AB201]", "found a list, expected rule codes with reasons for suppression: {AB104: why}"),
    ],
)
@pytest.mark.parametrize("where", ["file", "layer"])
def test_a_silence_has_a_code_and_a_reason(lint: str, message: str, where: str) -> None:
    layer = BAD.replace("pool_proj: 16", f"pool_proj: 16, lint: {lint}")
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        NetworkSpec.from_text(f"lint: {lint}\n{BAD}" if where == "file" else layer)
    (problem,) = caught.value.problems
    assert problem.path.startswith("lint" if where == "file" else "layers.mix.lint")


def test_silences_are_no_part_of_what_a_network_is() -> None:
    plain = NetworkSpec.from_text(BAD).document.canonical_text
    text = BAD.replace("pool_proj: 16", f"pool_proj: 16, lint: {{AB201: {REASON}}}")
    assert NetworkSpec.from_text(f"lint: {{AB112: {REASON}}}\n{text}").document.canonical_text == plain
