"""Write the pages of the critic's rules, and what it finds in the shipped networks: `python docs/make_lint.py`."""

from pathlib import Path

from archbuilder import load
from archbuilder.lint import RULES, criticise
from archbuilder.report.lint import finding_line, rule_page
from archbuilder.spec.sources import shipped_names
from archbuilder.spec.writing import write_text

FOLDER = Path(__file__).parent / "lint"
GUIDE = Path(__file__).parent / "lint.md"


def pages() -> dict[Path, str]:
    """Give each rule's page by its file."""
    return {FOLDER / f"{code}.md": rule_page(rule) for code, rule in RULES.items()}


def rules() -> str:
    """List the rules with links to their pages."""
    lines = ["| code | rule | why | offers a change |", "| --- | --- | --- | --- |"]
    for code, rule in RULES.items():
        lines.append(f"| [{code}](lint/{code}.md) | {rule.name} | {rule.reason} | {'yes' if rule.fix else ''} |")
    return "\n".join(lines)


def shipped() -> str:
    """List what is found in each shipped spec."""
    lines = []
    for name in shipped_names("specs"):
        criticism = criticise(load(name).document)
        lines += [f"**{name}**", "", "```text"]
        lines += [finding_line(finding).removeprefix("shipped ") for finding in criticism.findings] or ["nothing"]
        lines += ["```", ""]
    return "\n".join(lines).rstrip()


def guide(text: str) -> str:
    """Give the guide with its generated parts made anew."""
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
