"""How long tests wait."""

PATIENCE = 600.0
"""Limit in seconds for events that must happen, also on a slow or busy machine."""
