"""Long sequences of the top level become part of it, so that columns can break them."""

from archbuilder.drawing.figures import Box, Figure, Frame, Join, Parallel, Scene, Series

LONGEST_SEQUENCE = 12  # rows of boxes
LONGEST_BLOCK = 30


def spread(scene: Scene) -> Scene:
    """Put the members of long sequences, and of very long blocks, in place of these; the scene itself is changed."""
    ends: dict[Figure, Figure] = {}
    scene.trunk.members = _spread(scene.trunk.members, ends)

    def end(figure: Figure) -> Figure:
        while figure in ends:
            figure = ends[figure]
        return figure

    scene.edges = [edge._replace(source=end(edge.source)) for edge in scene.edges]
    scene.heads = [head._replace(source=end(head.source)) for head in scene.heads]
    return scene


def _spread(members: list[Figure], ends: dict[Figure, Figure]) -> list[Figure]:
    found: list[Figure] = []
    for member in members:
        longest = LONGEST_BLOCK if isinstance(member, Frame) and member.label else LONGEST_SEQUENCE
        if isinstance(member, Frame):
            member = _without_shell(member, ends)  # noqa: PLW2901
        if isinstance(member, Frame) and member.count == 1 and _rows(member) > longest:
            found += _spread(member.child.members, ends)
            ends[member] = found[-1]
        else:
            found.append(member)
    return found


def _without_shell(frame: Frame, ends: dict[Figure, Figure]) -> Frame:
    """Return the only figure of a sequence if that is a frame itself, whose name says what it lies in."""
    while not frame.label and frame.count == 1 and len(frame.child.members) == 1:
        inner = frame.child.members[0]
        if not isinstance(inner, Frame) or not inner.name:
            break
        ends[frame] = inner
        frame = inner
    return frame


def _rows(figure: Figure) -> float:
    """Estimate how many boxes high a figure is."""
    match figure:
        case Box() | Join():
            return 1
        case Frame():
            return 0.5 + _rows(figure.child)
        case Series():
            return sum(map(_rows, figure.members))
        case Parallel():
            return 1 + max(map(_rows, figure.branches))
    return 0
