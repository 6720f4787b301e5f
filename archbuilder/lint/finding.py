"""A finding of the linter."""

from dataclasses import dataclass

from archbuilder.errors import Location
from archbuilder.lint.change import Change


@dataclass(frozen=True)
class Finding:
    """A finding of a rule.

    Attributes:
        code: The rule's code: `AB104`.
        layer: The full name of the member or head; an empty string for the whole network.
        message: The message, with the figures that triggered the rule.
        where: The place in the file.
        change: The change that `--fix` would make; None if there is no fix.
        op: The full name of the op, if the finding is about a single op.
        leads_to: The codes of new findings that the change would cause.
        suppression: The reason for its suppression; None if it is to be shown.
    """

    code: str
    layer: str
    message: str
    where: Location
    change: Change | None = None
    op: str = ""
    leads_to: tuple[str, ...] = ()
    suppression: str | None = None
