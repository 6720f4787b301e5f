"""A linter for networks: rules from the papers, each with a code; findings have figures and a location."""

from archbuilder.lint.finding import Finding
from archbuilder.lint.linter import LintReport, lint_document
from archbuilder.lint.rule import Rule
from archbuilder.lint.rules import RULES

__all__ = ["RULES", "Finding", "LintReport", "Rule", "lint_document"]
