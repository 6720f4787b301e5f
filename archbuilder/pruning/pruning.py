"""`archbuilder.prune`: a trained network, narrower, with what matters most of its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from archbuilder.budgets.asked import Asked, asked, check_multiple
from archbuilder.budgets.budget import Limits
from archbuilder.data import DataSplits, check_fits, load_data
from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.modules import Network
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.tensors import state_shapes
from archbuilder.pruning.counts import Row
from archbuilder.pruning.depth import without_repetitions
from archbuilder.pruning.floors import Floor, floors_of
from archbuilder.pruning.images import losses
from archbuilder.pruning.importance import IMPORTANCES, Importance
from archbuilder.pruning.pruned import BATCHES, Narrow, Pruned, check_reached, pruned_onto
from archbuilder.runs import read_checkpoint
from archbuilder.spec.checkpoints import checkpoint_in
from archbuilder.training import CPU, Machine, initial_network
from archbuilder.weights import Matched, Normalization, load_matched, match, normalized_as, read_weights

FLOOR = "10%"


def prune(
    trained: NetworkSpec | str | Path,
    budget: Mapping[str, Any],
    *,
    weights: str | Path | None = None,
    data: DataSplits | str | None = None,
    importance: Importance | str | None = None,
    multiple_of: int | None = None,
    floor: Floor = FLOOR,
    branches: bool = False,
    depth: bool = False,
    latency: Mapping[str, Any] | None = None,
    seed: int = 0,
    machine: Machine = CPU,
) -> Pruned:
    """Remove the channels of a trained network that matter least for what they cost, exactly onto a budget.

    Step by step, of all widths the one is narrowed by which least is lost for what it saves. Channels that are tied,
    as where they are added, go together. What comes out is a spec with other widths, and the weights of the channels
    that were kept: without `data`, its outputs are those of the trained network with the other channels set to 0,
    unless a layer or group norm takes statistics over channels. With `data`, batch statistics are computed anew.

    Args:
        trained: A run, for its spec and its best epoch, or a spec with `weights`.
        budget: Bounds as in a study's file: `{"macs": "50%"}`, `{"parameters": "1M", "latency": "3ms"}`. A target, such
            as `{"macs": {"target": "50%", "within": "1%"}}`, is an error if it is not reached.
        weights: A file of weights, or another run.
        data: Images, or their address: for an importance that reads gradients, such as `taylor`, and for batch
            statistics. If an importance needs them, those of the run by default.
        importance: What channels are ranked by: `magnitude`, `batch_norm`, `taylor`, or one of your own; by default
            `taylor` with `data` and `magnitude` without.
        multiple_of: What widths are multiples of; by default 1, or what groups need.
        floor: The least that each width keeps: a width or a share, or a mapping of patterns to these.
        branches: Whether whole branches of concatenations may be removed too, where the spec lets their width be 0.
        depth: Whether repetitions of repeated layers may be removed too, one by one, as long as the network that is
            then narrowed onto the budget has a lower loss before any training; needs images.
        latency: How a bounded latency is measured, as in a study's file: `{"batch_size": 16, "device": "cpu"}`.
        seed: Which images are drawn, and the weights of heads that the file lacks.
        machine: Where gradients and statistics are computed.

    Returns:
        The pruned network.

    Raises:
        SpecError: The spec is wrong.
        ArchbuilderError: The weights are missing or do not fit, the budget is malformed or cannot be reached, the
            importance is unknown or needs data, or the data does not fit.
    """
    pruning = Pruning.of(
        trained,
        budget,
        weights=weights,
        data=data,
        importance=importance,
        multiple_of=multiple_of,
        floor=floor,
        branches=branches,
        depth=depth,
        latency=latency,
        seed=seed,
        machine=machine,
    )
    return pruning.onto(pruning.wanted.limits, pruning.spec, pruning.weights)


@dataclass(frozen=True)
class Pruning:
    """What is to be pruned, and how: everything that can be wrong has been checked.

    Attributes:
        spec: The trained network.
        weights: Its weights.
        wanted: The budget.
        importance: What channels are ranked by.
        images: The images, if there are any, normalized as when the network was trained.
        split_seed: What these were split by.
        multiple: What widths are multiples of.
        floors: The least value of every width, in their order.
        branches: Whether whole branches may be removed.
        depth: Whether repetitions may be removed.
        seed: Which images are drawn.
        machine: Where gradients and statistics are computed.
    """

    spec: NetworkSpec
    weights: Matched
    wanted: Asked
    importance: Importance
    images: DataSplits | None
    split_seed: int
    multiple: int
    floors: Row
    branches: bool
    depth: bool
    seed: int
    machine: Machine

    @classmethod
    def of(
        cls,
        trained: NetworkSpec | str | Path,
        budget: Mapping[str, Any],
        *,
        weights: str | Path | None = None,
        data: DataSplits | str | None = None,
        importance: Importance | str | None = None,
        multiple_of: int | None = None,
        floor: Floor = FLOOR,
        branches: bool = False,
        depth: bool = False,
        latency: Mapping[str, Any] | None = None,
        seed: int = 0,
        machine: Machine = CPU,
        needs_images: bool = False,
    ) -> "Pruning":
        """Read and check the arguments of `prune`; raise as it does.

        Without `data`, the images are those of the run, if they are needed.
        """
        spec = trained if isinstance(trained, NetworkSpec) else NetworkSpec.load(trained)
        needs_images = needs_images or depth
        has_images = data is not None or needs_images
        chosen = _importance(importance or ("taylor" if has_images else "magnitude"))
        check_multiple(multiple_of, "prune")
        floors = floors_of(spec.widths, floor)
        matched = _trained_weights(spec, trained, weights)
        split_seed = 0
        if data is None and (needs_images or chosen.needs_gradients):
            data, split_seed = _own_data(trained, chosen)
        images = None if data is None else _images(spec, data, matched)
        wanted = asked(spec, budget, latency, "prune")
        multiple = multiple_of or 1
        return cls(spec, matched, wanted, chosen, images, split_seed, multiple, floors, branches, depth, seed, machine)

    def onto(self, limits: Limits, spec: NetworkSpec, weights: Matched) -> Pruned:
        """Prune the network, or one that it was pruned to before, onto limits; raise as `prune` does."""
        network = initial_network(spec.plan(), self.seed)
        load_matched(network, weights)

        def narrow(spec: NetworkSpec, network: Network) -> Narrow:
            return pruned_onto(
                spec,
                network,
                replace(self.wanted, limits=limits),
                importance=self.importance,
                images=self.images,
                multiple=self.multiple,
                floors=self.floors,
                branches=self.branches,
                seed=self.seed,
                machine=self.machine,
            )

        found = narrow(spec, network)
        if self.depth:
            for shorter in without_repetitions(spec, network, narrow, self._loss):
                if self._loss(shorter.network) >= self._loss(found.network):
                    break
                found = shorter
        check_reached(self.spec.name, limits, found.cost)
        return Pruned(
            self.spec,
            found.spec,
            found.network,
            (self.wanted.before, found.cost),
            limits,
            self.importance,
            # A width that an earlier step cut down to its floor can be pruned.
            found.fixed if spec is self.spec else {},
            self.wanted.conditions,
            weights.normalization if self.images is None else _normalization(self.images),
        )

    def _loss(self, network: Network) -> float:
        """Return the mean loss over some training images."""
        assert self.images is not None
        network.to(self.machine.device)
        with torch.no_grad():
            found = [float(loss()) for loss in losses(network, self.images, BATCHES // 4, self.seed, self.machine)]
        network.cpu()
        return fmean(found)


def _normalization(data: DataSplits) -> Normalization:
    return data.normalizer.mean, data.normalizer.std


def _importance(importance: Importance | str) -> Importance:
    if isinstance(importance, str):
        if importance not in IMPORTANCES:
            near = did_you_mean(importance, IMPORTANCES)
            known = ", ".join(IMPORTANCES)
            raise ArchbuilderError(f"prune: there is no importance {importance!r}{near}; expected one of {known}")
        importance = IMPORTANCES[importance]
    return importance


def _own_data(trained: NetworkSpec | str | Path, importance: Importance) -> tuple[DataSplits, int]:
    """Load the images of a run; return what they are split by, too."""
    if isinstance(trained, NetworkSpec) or not _is_run(Path(trained)):
        what = (
            f"the importance {importance.name} reads gradients"
            if importance.needs_gradients
            else "it is to be trained or shortened"
        )
        raise ArchbuilderError(f"prune: {what}, for which images are needed: give data")
    setup = read_checkpoint(trained).setup
    return setup.load_data(None, base=Path.cwd()), setup.split_seed


def _trained_weights(spec: NetworkSpec, trained: NetworkSpec | str | Path, weights: str | Path | None) -> Matched:
    """Return the weights of the network, whole but for auxiliary heads."""
    if weights is None:
        if isinstance(trained, NetworkSpec) or not _is_run(Path(trained)):
            raise ArchbuilderError(
                f"prune: {spec.name} is a spec, and pruning needs what was trained\n"
                "  give a run in its place, or the weights: a file or a run"
            )
        weights = trained
    matched = match(read_weights(weights), state_shapes(spec.plan()))
    heads = {head.name for head in spec.plan().heads}
    lacking = [name for name in (*matched.report.reset, *matched.report.absent) if name.partition(".")[0] not in heads]
    if lacking:
        raise ArchbuilderError(
            f"{matched.report.file}: has no weights of {lacking[0]} that fit {spec.name}\n"
            "  train the network on its own classes first: train_spec takes these weights"
        )
    return matched


def _is_run(path: Path) -> bool:
    if path.is_dir():
        checkpoint_in(path)  # says what the folder is instead
        return True
    return path.suffix == ".safetensors" and path.is_file()


def _images(spec: NetworkSpec, data: DataSplits | str, matched: Matched) -> DataSplits:
    loaded = load_data(data, base=Path.cwd()) if isinstance(data, str) else data
    check_fits(loaded, input_shape=spec.plan().input_shape, classes=spec.plan().classes)
    return normalized_as(matched, loaded)
