"""Write the pages of the lint rules and the findings in the shipped networks: `python docs/make_lint.py`."""

from pathlib import Path

from archbuilder import load
from archbuilder.lint import RULES, lint_document
from archbuilder.report.lint import rule_page
from archbuilder.spec.sources import shipped_names
from archbuilder.spec.writing import write_text

FOLDER = Path(__file__).parent / "lint"
GUIDE = Path(__file__).parent / "lint.md"


def pages() -> dict[Path, str]:
    """Return the page of each rule by its file."""
    return {FOLDER / f"{code}.md": rule_page(rule) for code, rule in RULES.items()}


def rules() -> str:
    """List the rules with links to their pages."""
    lines = ["| code | rule | fix |", "| --- | --- | --- |"]
    for code, rule in RULES.items():
        lines.append(f"| [{code}](lint/{code}.md) | {rule.name} | {'yes' if rule.fix else ''} |")
    return "\n".join(lines)


def shipped() -> str:
    """List the rules and layers of the findings in the shipped specs."""
    lines = ["| spec | findings |", "| --- | --- |"]
    for name in shipped_names("specs"):
        layers: dict[str, list[str]] = {}
        for finding in lint_document(load(name).document).findings:
            layers.setdefault(finding.code, []).append(f"`{finding.layer}`")
        found = [f"{code} {', '.join(layers[code])}" for code in sorted(layers)]
        lines.append(f"| {name} | {'; '.join(found) or 'none'} |")
    return "\n".join(lines)


def guide(text: str) -> str:
    """Return the guide with its generated parts updated."""
    for name, part in (("rules", rules()), ("shipped", shipped())):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        head, _, rest = text.partition(start)
        _, found, tail = rest.partition(end)
        assert found, f"{GUIDE} has no {end}"
        text = f"{head}{start}{part}\n{end}{tail}"
    return text


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, page in pages().items():
        write_text(path, page)
    write_text(GUIDE, guide(GUIDE.read_text()))
    print(f"written: {GUIDE} and {len(RULES)} pages in {FOLDER}")
