"""The rules, one file a theme. Every `Rule` in a module of this package is one; `archbuilder.register` adds others."""

from importlib import import_module
from pkgutil import iter_modules

from archbuilder.lint.rule import Rule


def _declared() -> dict[str, Rule]:
    """Find the rules of the package's modules, by code."""
    modules = [import_module(module.name) for module in iter_modules(__path__, f"{__name__}.")]
    rules = [value for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    codes = [rule.code for rule in rules]
    if twice := {code for code in codes if codes.count(code) > 1}:
        raise TypeError(f"several lint rules have the code {', '.join(sorted(twice))}")
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


RULES: dict[str, Rule] = _declared()
"""Every rule by its code."""
