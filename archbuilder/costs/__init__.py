"""Costs of a plan: MACs, parameters, memory, receptive fields; computed from the plan, without torch."""
