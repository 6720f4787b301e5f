"""Drawings of networks as SVG."""

from archbuilder.drawing.color import ColorBy
from archbuilder.drawing.drawing import draw

__all__ = ["ColorBy", "draw"]
