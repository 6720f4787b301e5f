"""A critic of networks, as linters are of code: rules from the papers, each with a code, figures and a place."""

from archbuilder.lint.finding import Finding
from archbuilder.lint.linter import LintReport, lint_document
from archbuilder.lint.rule import Rule
from archbuilder.lint.rules import RULES

__all__ = ["RULES", "Finding", "LintReport", "Rule", "lint_document"]
