"""Counts of a plan, and fvcore's own count of the module beside them."""
