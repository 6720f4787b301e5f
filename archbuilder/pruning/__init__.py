"""Pruning: a trained network loses the channels that matter least for what they cost, exactly onto a budget."""

from archbuilder.pruning.importance import IMPORTANCES, Importance
from archbuilder.pruning.pruned import Pruned
from archbuilder.pruning.pruning import FLOOR, Pruning, prune
from archbuilder.pruning.tuning import prune_and_train

__all__ = ["FLOOR", "IMPORTANCES", "Importance", "Pruned", "Pruning", "prune", "prune_and_train"]
