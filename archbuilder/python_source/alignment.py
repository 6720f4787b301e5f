"""Lists side by side: the members of several instances in an order that all of them keep."""

from collections.abc import Callable, Sequence

from archbuilder.plan.plan import TreeNode


class DifferentError(Exception):
    """Nodes have no common structure."""


def aligned(
    lists: Sequence[Sequence[TreeNode] | None], key: Callable[[TreeNode], object]
) -> list[list[TreeNode | None]]:
    """Return the members of lists side by side: one column for each member, in an order that all of them keep.

    The longest lists come first, as they leave the least doubt about the order.

    Args:
        lists: The lists; None for an instance without one.
        key: Returns what members of two lists have in common if they are the same.

    Raises:
        DifferentError: Two lists have nothing in common.
    """
    columns: list[tuple[object, dict[int, TreeNode]]] = []
    is_first = True
    for instance, members in sorted(enumerate(lists), key=lambda pair: -len(pair[1] or ())):
        if members is None:
            continue
        keys = [key(member) for member in members]
        known = [k for k, _ in columns]
        pairs = [(n, n) for n in range(len(keys))] if known == keys else _common(known, keys)
        if not pairs and known and keys and not is_first:
            raise DifferentError
        is_first = False
        merged: list[tuple[object, dict[int, TreeNode]]] = []
        at_column = at_member = 0
        for i, j in [*pairs, (len(columns), len(keys))]:
            merged += columns[at_column:i]
            merged += [(keys[n], {instance: members[n]}) for n in range(at_member, j)]
            if i < len(columns):
                columns[i][1][instance] = members[j]
                merged.append(columns[i])
            at_column, at_member = i + 1, j + 1
        columns = merged
    return [[column.get(instance) for instance in range(len(lists))] for _, column in columns]


def _common(first: Sequence[object], second: Sequence[object]) -> list[tuple[int, int]]:
    """Return the positions of the longest common subsequence."""
    lengths = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in range(len(first) - 1, -1, -1):
        for j in range(len(second) - 1, -1, -1):
            lengths[i][j] = (
                lengths[i + 1][j + 1] + 1 if first[i] == second[j] else max(lengths[i + 1][j], lengths[i][j + 1])
            )
    pairs, i, j = [], 0, 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs
