"""Which figure lies in which."""

from archbuilder.drawing.figures import FarEdge, Figure, Scene, Series, parts_of


class Nesting:
    """The figures around each figure of a scene.

    Attributes:
        parents: The figure that each one lies in directly.
    """

    def __init__(self, scene: Scene) -> None:
        self.parents: dict[Figure, Figure] = {}
        for figure in scene.figures():
            self.parents |= dict.fromkeys(parts_of(figure), figure)

    def by_series(self, edges: list[FarEdge]) -> dict[Series, list[FarEdge]]:
        """Return far edges by the innermost series that has both ends in different members."""
        found: dict[Series, list[FarEdge]] = {}
        for edge in edges:
            around = {edge.source, *self.ancestors(edge.source)}
            series = next(one for one in self.ancestors(edge.target) if one in around and isinstance(one, Series))
            found.setdefault(series, []).append(edge)
        return found

    def ancestors(self, figure: Figure) -> list[Figure]:
        """Return the figures around one, innermost first."""
        found = []
        while figure in self.parents:
            figure = self.parents[figure]
            found.append(figure)
        return found

    def member_of(self, series: Series, figure: Figure) -> Figure:
        """Return the member of a series that a figure is or lies in."""
        while self.parents[figure] is not series:
            figure = self.parents[figure]
        return figure
