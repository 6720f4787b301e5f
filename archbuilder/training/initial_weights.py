"""Networks with initial weights."""

import torch

from archbuilder.modules import Network, build_network
from archbuilder.plan.plan import Plan
from archbuilder.training.seeds import INITIAL_WEIGHTS, derived_seed


def initial_network(plan: Plan, seed: int) -> Network:
    """Build a network with initial weights by a seed; the caller's random state is restored."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, INITIAL_WEIGHTS))
        return build_network(plan)
