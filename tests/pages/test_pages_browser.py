"""The pages of `archbuilder report` in a real browser: the rules of axe-core, their width, sorted tables."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs.tiny_runs import begin, few_digits
from support.browser import accessibility_problems, need_axe, need_browser
from support.kept import kept_runs

from archbuilder import load
from archbuilder.pages.opening import write_report
from archbuilder.pages.study import page_files
from archbuilder.searching import read_result


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    need_browser()
    root = tmp_path_factory.mktemp("reports")
    run = begin(root / "runs" / "run")
    found = {name: root / f"{name}.html" for name in ("spec", "run", "study")}
    write_report("inception_small_28", found["spec"], runs=root / "runs", device="cpu")
    with few_digits():
        write_report(str(run.folder.path), found["run"], runs=root / "runs", split="validation", device="cpu")
    found["study"].write_text(page_files(read_result(kept_runs() / "whole"))["report.html"])
    return found


@pytest.fixture
def page(context: Any) -> Iterator[Any]:
    found = context.new_page()
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    yield found
    found.close()
    assert errors == []


@pytest.mark.parametrize("name", ["spec", "run", "study"])
def test_reports_can_be_read_and_fit(page: Any, reports: dict[str, Path], name: str) -> None:
    need_axe()
    page.goto(reports[name].as_uri())
    found = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            found += [f"{theme}, {width}: {problem}" for problem in accessibility_problems(page)]
    assert found == []


def column(table: Any, number: int) -> list[str]:
    """Return the cells of a column: their values where they have them, else their texts."""
    cells = table.locator(f"tbody tr > :nth-child({number + 1})")
    found: list[str] = cells.evaluate_all("cells => cells.map(cell => cell.dataset.value ?? cell.textContent)")
    return found


def test_tables_are_sorted_by_their_heads_and_back(page: Any, reports: dict[str, Path]) -> None:
    page.goto(reports["spec"].as_uri())
    table = page.locator("table.sorts").first
    heads = table.locator("thead th").all_inner_texts()
    at = next(number for number, head in enumerate(heads) if head.strip().startswith("MACs"))
    planned = [layer.macs for layer in load("inception_small_28").plan().all_layers()]
    assert sorted(map(int, column(table, at))) == sorted(planned)
    button = table.locator("thead th").nth(at).get_by_role("button")
    for order in ("descending", "ascending"):
        button.focus()
        page.keyboard.press("Enter")
        assert table.locator("thead th").nth(at).get_attribute("aria-sort") == order
        assert [*map(int, column(table, at))] == sorted(planned, reverse=order == "descending")
    names = column(table, 0)
    table.locator("thead th").first.get_by_role("button").click()
    assert sorted(column(table, 0)) == sorted(names)
    assert table.locator("thead th").nth(at).get_attribute("aria-sort") is None
    assert table.locator("thead th").first.get_attribute("aria-sort") == "ascending"
