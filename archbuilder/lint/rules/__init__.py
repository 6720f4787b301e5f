"""The rules, one file a theme."""

from archbuilder.lint.rule import Rule
from archbuilder.lint.rules.bottleneck import BOTTLENECK, GROWTH
from archbuilder.lint.rules.branches import POOL, SHARE
from archbuilder.lint.rules.factorize import ASYMMETRIC, STACKED
from archbuilder.lint.rules.hardware import MULTIPLE
from archbuilder.lint.rules.heads import POSITION, SMALL
from archbuilder.lint.rules.reduction import UNREDUCED, UNREDUCING
from archbuilder.lint.rules.shape import BALANCE, FIELD
from archbuilder.lint.rules.suppressions import UNUSED
from archbuilder.lint.rules.waste import DEAD, DUPLICATE

RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        UNUSED,
        BOTTLENECK,
        GROWTH,
        UNREDUCED,
        UNREDUCING,
        SHARE,
        POOL,
        STACKED,
        ASYMMETRIC,
        BALANCE,
        POSITION,
        SMALL,
        FIELD,
        MULTIPLE,
        DEAD,
        DUPLICATE,
    )
}
"""Every rule by its code."""
