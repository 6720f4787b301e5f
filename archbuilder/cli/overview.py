"""`archbuilder --help`: commands by group, with arguments and an example."""

from typing import Any

from typer.core import TyperGroup

GROUPS = {
    "Inspect": (
        ("specs", "new", "check", "build", "flops", "bench", "lint", "diff", "draw", "report", "play"),
        "archbuilder flops googlenet --by stage",
    ),
    "Train": (("train", "evaluate", "predict"), "archbuilder train inception_digits --data digits"),
    "Search": (("space", "search", "studies", "scale", "prune"), "archbuilder search digits_widths"),
    "Share": (("import", "export", "schema"), "archbuilder export googlenet -o net.py"),
}
"""The headings, the commands below each, and an example."""


class GroupedCommands(TyperGroup):
    """The commands, listed by group."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group."""
        usages = {name: _usage(name, self.commands[name], ctx) for names, _ in GROUPS.values() for name in names}
        width = max(map(len, usages.values()))
        for heading, (names, example) in GROUPS.items():
            limit = formatter.width - width - 4
            rows = [(usages[name].ljust(width), self.commands[name].get_short_help_str(limit)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(rows)
                formatter.write_paragraph()
                formatter.write_text(f"Example: {example}")


def _usage(name: str, command: Any, context: Any) -> str:
    """Return a command with the arguments that it takes: `flops SPEC`."""
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    words = [str(parameter.metavar or parameter.make_metavar(context)) for parameter in arguments]
    return " ".join([name, *(["COMMAND"] if hasattr(command, "commands") else words)])
