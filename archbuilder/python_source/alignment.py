"""Lists side by side: the members of several instances in an order that all of them keep."""

from collections.abc import Callable, Sequence

from archbuilder.plan.plan import TreeNode


class DifferentError(Exception):
    """Nodes have no common structure."""


def aligned(
    lists: Sequence[Sequence[TreeNode] | None], key: Callable[[TreeNode], object]
) -> list[list[TreeNode | None]]:
    """Return the members of lists side by side: one column for each member, in an order that all of them keep."""
    columns: list[tuple[object, list[TreeNode | None]]] = []
    is_first = True
    for instance, members in enumerate(lists):
        if members is None:
            for _, column in columns:
                column.append(None)
            continue
        keys = [key(member) for member in members]
        if is_first:
            columns = [(k, [None] * instance + [member]) for k, member in zip(keys, members, strict=True)]
            is_first = False
            continue
        known = [k for k, _ in columns]
        pairs = [(i, i) for i in range(len(keys))] if known == keys else _common(known, keys)
        if not pairs and known and keys:
            raise DifferentError
        merged: list[tuple[object, list[TreeNode | None]]] = []
        at_column = at_member = 0
        for i, j in [*pairs, (len(columns), len(keys))]:
            for k, column in columns[at_column:i]:
                merged.append((k, [*column, None]))
            for n in range(at_member, j):
                merged.append((keys[n], [None] * instance + [members[n]]))
            if i < len(columns):
                merged.append((columns[i][0], [*columns[i][1], members[j]]))
            at_column, at_member = i + 1, j + 1
        columns = merged
    return [column for _, column in columns]


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
