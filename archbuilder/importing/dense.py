"""Concatenations that grow: one that begins with all that another concatenated takes that one's output instead."""

from collections.abc import Sequence

from archbuilder.importing.signals import Item


def nested_concatenations(items: Sequence[Item]) -> None:
    """Let each concatenation take the output of the longest earlier one that begins as it does."""
    earlier: list[tuple[list[Item | None], Item]] = []
    for item in items:
        if item.kind != "concat":
            continue
        whole = list(item.inputs)
        fitting = [
            (inputs, each) for inputs, each in earlier if len(inputs) < len(whole) and whole[: len(inputs)] == inputs
        ]
        if fitting:
            inputs, each = max(fitting, key=lambda pair: len(pair[0]))
            item.inputs = [each, *whole[len(inputs) :]]
        earlier.append((whole, item))
