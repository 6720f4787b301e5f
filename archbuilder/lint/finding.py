from dataclasses import dataclass

from archbuilder.errors import Location
from archbuilder.lint.change import Change


@dataclass(frozen=True)
class Finding:
    """One thing that a rule has found.

    Attributes:
        code: The rule's code: `AB104`.
        layer: The full name of the member or head that it is about; an empty text is the network.
        message: What was found, with the figures that triggered the rule.
        where: The place in the file.
        change: What `--fix` would do; None where the rule offers nothing.
        op: The full name of the operation that it is about, if that is one.
        leads_to: The codes of what would be found instead, once the change is made.
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
