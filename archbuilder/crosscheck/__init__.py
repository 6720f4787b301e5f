"""Compare the counts of a plan with independent counters of the built module."""
