from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from support.html import Reader, check_alone
from support.random_specs import specs

from archbuilder import NetworkSpec, load
from archbuilder.errors import ArchbuilderError
from archbuilder.lint import lint_document
from archbuilder.pages.network import network_page
from archbuilder.pages.opening import write_report
from archbuilder.plan.plan import Plan
from archbuilder.spec.sources import shipped_names


def check_costs(read: Reader, plan: Plan) -> None:
    """Check that the rows of evaluation sum to the network, by layer; heads are marked."""
    head = next(index for index, row in enumerate(read.rows) if row and row[0][0] == "layer")
    after = [index for index, row in enumerate(read.rows) if index > head and row[0][0] == "branch"]
    rows = [row for row in read.rows[head + 1 : after[0] if after else len(read.rows)] if len(row) == 10]
    own = [row for row in rows if not row[1][0].endswith("training only")]
    for column, total in ((5, plan.parameters), (6, plan.activations), (7, plan.macs)):
        assert sum(int(row[column][1] or -1) for row in own) == total
    assert len(rows) - len(own) == len(plan.heads)


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_the_page_of_every_shipped_spec_stands_alone_and_its_costs_sum(name: str) -> None:
    spec = load(name)
    read = check_alone(network_page(spec))
    check_costs(read, spec.plan())
    found = lint_document(spec.document).findings
    links = [link for link in read.links if link.startswith(("#L", "#file"))]
    assert len(links) == len(found)
    for line in spec.text.splitlines():
        assert line in read.texts or not line


@settings(max_examples=20)
@given(specs())
def test_the_page_of_a_random_spec_stands_alone_and_its_costs_sum(values: dict[str, Any]) -> None:
    spec = NetworkSpec.from_dict(values)
    check_costs(check_alone(network_page(spec)), spec.plan())


def test_findings_lead_to_their_lines() -> None:
    spec = load("inception_small_28")
    page = network_page(spec)
    for finding in lint_document(spec.document).findings:
        line = spec.text.splitlines()[finding.where.line - 1]
        start = page.index(f'<li id="L{finding.where.line}" class="found"')
        end = page.index("</li>", start)
        assert line in "".join(Reader(page[start : end + 5]).texts)
        assert finding.code in page[start:end]


def test_what_a_spec_says_is_text_and_no_markup() -> None:
    text = load("inception_small_28").text
    spec = NetworkSpec.from_text(f"description: 'a <script>alert(1)</script> & more'\n{text}".replace(
        "description: A", "# description: A", 1), "x<b>.yaml")  # fmt: skip
    page = network_page(spec)
    assert "<script>alert" not in page
    assert "x<b>" not in page
    assert "a <script>alert(1)</script> & more" in Reader(page).texts


def test_a_page_is_written_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_report("googlenet", None, runs=Path("runs")) == Path("googlenet.html")
    assert write_report("googlenet", tmp_path / "a.html", runs=Path("runs")) == tmp_path / "a.html"
    assert Path("googlenet.html").read_text() == Path("a.html").read_text()


def test_what_is_neither_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match=r"googlenett: no such file, .*did you mean googlenet"):
        write_report("googlenett", None, runs=tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ArchbuilderError, match=r"empty: neither a run nor a study: best\.safetensors"):
        write_report(str(empty), None, runs=tmp_path)
