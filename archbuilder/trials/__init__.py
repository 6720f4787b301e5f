"""Trials: what is known of each and of all, the jobs by which workers train them, and their checkpoints."""
