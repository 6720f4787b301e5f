"""Counts of a built module by independent counters, beside the plan's."""
