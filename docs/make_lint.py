"""Write the pages of the lint rules and the findings in the shipped networks: `python docs/make_lint.py`."""

from pathlib import Path

from archbuilder import load
from archbuilder.lint import RULES, criticise
from archbuilder.report.lint import finding_line, rule_page
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
    """List the findings in the shipped specs."""
    lines = []
    for name in shipped_names("specs"):
        findings = criticise(load(name).document).findings
        lines += [finding_line(finding).removeprefix("shipped ") for finding in findings] or [f"{name}.yaml: none"]
    return "\n".join(["```text", *lines, "```"])


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
