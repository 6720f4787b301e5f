"""A pruned network, and how it is made of a trained one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from archbuilder.budgets.asked import Asked
from archbuilder.budgets.budget import Cost, Limits, amounts_text, cost_of
from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.modules import Network, build_network
from archbuilder.modules.inherit import inherited_weights
from archbuilder.modules.saving import save_tensors
from archbuilder.network_spec import NetworkSpec
from archbuilder.pruning.counts import Row
from archbuilder.pruning.depth import repeats
from archbuilder.pruning.images import losses, recompute_statistics
from archbuilder.pruning.importance import Importance, channel_importances
from archbuilder.pruning.kept import kept_ranks
from archbuilder.pruning.widths import chosen_widths
from archbuilder.training import Machine
from archbuilder.weights import Cuts, Normalization

BATCHES = 16  # of images, for gradients and for batch statistics


@dataclass(frozen=True)
class Pruned:
    """A pruned network.

    Attributes:
        before: The spec of the trained network.
        spec: That of the pruned one.
        network: The pruned network with its weights, in evaluation mode.
        costs: What the two cost, latency included if it is bounded.
        limits: The budget.
        importance: What channels were ranked by.
        fixed: The widths that cannot be pruned, and why.
        conditions: What latencies were measured under; empty if none was.
        normalization: The mean and standard deviation of the images that the network was trained on, if known.
    """

    before: NetworkSpec
    spec: NetworkSpec
    network: Network = field(repr=False)
    costs: tuple[Cost, Cost]
    limits: Limits
    importance: Importance
    fixed: Mapping[str, str]
    conditions: str = ""
    normalization: Normalization | None = None

    @property
    def cuts(self) -> Cuts:
        """Every width before and after, by its name before, and the numbers of repetitions that have changed."""
        # In order, as names that count the layers before them change with a repetition less.
        widths = zip(self.before.widths.items(), self.spec.widths.values(), strict=True)
        counts = zip(repeats(self.before).items(), repeats(self.spec).values(), strict=True)
        changed = {path: (count, now) for (path, count), now in counts if now != count}
        return {name: (width, now) for (name, width), now in widths} | changed

    def check_unused(self, path: Path) -> None:
        """Raise an error if a file is there that is not this network's."""
        if path.exists() and path.read_text(errors="replace") == self.spec.renamed(path.stem).text:
            return
        for place in (path, path.with_suffix(".safetensors")):
            if place.exists():
                raise ArchbuilderError(f"{place}: already exists; choose another name or remove it")

    def save(self, path: str | Path) -> Path:
        """Save the spec, and the weights beside it: `half.yaml` and `half.safetensors`.

        The network is named after the file.

        Returns:
            The path of the weights, as `train_spec` takes them.

        Raises:
            ArchbuilderError: A file cannot be written, or the name is invalid.
        """
        place = Path(path)
        weights = place.with_suffix(".safetensors")
        header: dict[str, object] = {"cuts": self.cuts}
        if self.normalization is not None:
            header |= dict(zip(("mean", "std"), self.normalization, strict=True))
        spec = self.spec.renamed(place.stem)
        save_tensors(weights, self.network.state_dict(), header)
        spec.save(place)
        return weights


class Narrow(NamedTuple):
    """A network that was pruned.

    Attributes:
        spec: Its spec.
        network: The network with its weights, in evaluation mode.
        cost: What it costs.
        fixed: The widths that cannot be pruned, and why.
    """

    spec: NetworkSpec
    network: Network
    cost: Cost
    fixed: dict[str, str]


def pruned_onto(
    spec: NetworkSpec,
    network: Network,
    wanted: Asked,
    *,
    importance: Importance,
    images: DataSplits | None,
    multiple: int,
    floors: Row,
    branches: bool,
    seed: int,
    machine: Machine,
) -> Narrow:
    """Prune a trained network onto a budget.

    Args:
        spec: The network's spec.
        network: The network with its weights.
        wanted: The budget.
        importance: What channels are ranked by.
        images: Images for gradients, and for batch statistics, which are then computed anew.
        multiple: What widths are multiples of.
        floors: The least value of every width.
        branches: Whether whole branches may be removed.
        seed: Which images are drawn.
        machine: Where gradients and statistics are computed.

    Raises:
        ArchbuilderError: The budget cannot be reached.
    """
    plan = spec.plan()
    network.to(machine.device)
    batches = iter(()) if images is None else losses(network, images, BATCHES, seed, machine)
    importances = channel_importances(importance, plan, dict(network.named_parameters()), batches)
    widths, latency, fixed = chosen_widths(spec, importances, wanted, multiple, floors, branches=branches)
    narrow = spec.set({name: width for name, width in widths.items() if width != spec.widths[name]})
    made = build_network(narrow.plan())
    ranks = kept_ranks(plan, narrow.plan(), importances)
    made.load_state_dict(inherited_weights(narrow.plan(), made.state_dict(), plan, network.state_dict(), ranks))
    made.eval()
    if images is not None:
        recompute_statistics(made.to(machine.device), images, BATCHES, seed, machine)
    cost = cost_of(narrow.plan(), wanted.limits.by_quantity) | latency
    return Narrow(narrow, made.cpu(), cost, fixed)


def check_reached(name: str, limits: Limits, after: Cost) -> None:
    """Raise an error if a target of a budget is not reached."""
    if limits.lack(after) > 0:
        raise ArchbuilderError(
            f"{name}: no pruned network has {limits.text()}: the largest one below has "
            f"{amounts_text(limits.of(after))}\n  allow a larger within, or leave it out"
        )
