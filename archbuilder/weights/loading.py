"""Load the weights of a file into a network."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from archbuilder.data import DataSplits, Normalizer
from archbuilder.modules import Network
from archbuilder.modules.inherit import inheritable, inherited_weights
from archbuilder.plan.origins import Ranks
from archbuilder.plan.plan import Plan
from archbuilder.plan.tensors import StateShapes
from archbuilder.weights.files import read_weights
from archbuilder.weights.matching import BATCH_COUNT, Matched, match
from archbuilder.weights.report import WeightsReport


def load_weights(network: Network, path: str | Path, *, partial: bool = False) -> WeightsReport:
    """Load weights into a network, in place: a pretrained network to use or to fine-tune.

    Prefixes such as `module.` and the nesting of checkpoints are recognized, float16 and other floating-point types
    are converted. Auxiliary heads and the classifier keep their weights where the file lacks them or has them for
    another number of classes.

    Args:
        network: The network; unchanged if there is an error.
        path: `.safetensors`, a `.pth`, `.pt` or `.bin` of torch.save, a checkpoint of a run, or a run's folder, for its
            best epoch. No code in a file runs.
        partial: Whether to take what fits where other tensors are missing, unexpected or of another shape.

    Returns:
        What was taken and what was not.

    Raises:
        ArchbuilderError: The file is missing or damaged, does not fit, or has values that are infinite or not a number.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    heads, classifiers = tuple(network._heads), network._classifiers
    target = StateShapes(network._label, shapes, heads, classifiers, network._classes)
    matched = match(read_weights(path), target, partial=partial)
    load_matched(network, matched)
    return matched.report


def normalized_as(matched: Matched, data: DataSplits) -> DataSplits:
    """Return data with the normalization of the run that trained weights, if its images had values on the same scale.

    Values of the digits go to 16, those of most pictures to 255: there, the data keeps its own normalization.
    """
    if matched.normalization is None:
        return data
    theirs = Normalizer(*matched.normalization)
    return replace(data, normalizer=theirs) if theirs.is_on_scale_of(data.normalizer) else data


def inherit_matched(
    matched: Matched, baseline: Plan, plan: Plan, initial: Mapping[str, Tensor], ranks: Ranks | None = None
) -> Matched:
    """Return what a candidate takes of the weights that a baseline starts from: those of the channels that both have.

    Args:
        matched: What the baseline takes.
        baseline: The baseline.
        plan: The candidate, a network of the same spec with other widths.
        initial: The candidate's state dict as it is initialized.
        ranks: The order in which the baseline's channels are taken; by default the first are.
    """
    shared = inheritable(plan, baseline) & matched.tensors.keys()
    inherited = inherited_weights(plan, initial, baseline, matched.tensors, ranks)
    taken = {key: tensor for key, tensor in inherited.items() if key in shared}
    counted = [key for key in initial if not key.endswith(BATCH_COUNT)]
    report = matched.report.model_copy(
        update={
            "taken": sum(key in taken for key in counted),
            "total": len(counted),
            "fresh": tuple(key for key in initial if key not in taken),
        }
    )
    return Matched(taken, report, matched.normalization)


def load_matched(network: Network, matched: Matched) -> None:
    """Copy matched weights into a network; the rest of it stays."""
    own = network.state_dict()
    with torch.no_grad():
        for key, tensor in matched.tensors.items():
            own[key].copy_(tensor)
