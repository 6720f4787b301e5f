"""Train pruned networks: after each of several steps, in runs that can be resumed."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from archbuilder.budgets.asked import Asked
from archbuilder.budgets.budget import Limit, Limits
from archbuilder.plan.tensors import state_shapes
from archbuilder.pruning.pruned import Pruned
from archbuilder.pruning.pruning import Pruning
from archbuilder.recipe import TrainSettings
from archbuilder.runs import RunResult, train_loaded
from archbuilder.runs.events import Observer, ignore
from archbuilder.runs.teacher import teacher_of
from archbuilder.weights import Matched, Weights, match, read_weights


def prune_and_train(
    pruning: Pruning,
    file: Path,
    folder: Path,
    settings: TrainSettings,
    *,
    iterations: int = 1,
    observe: Observer = ignore,
) -> tuple[Pruned, RunResult]:
    """Prune a network in steps of equal ratios, and train it after each.

    Each training is a run: the last one in `folder`, those before it in `folder-step1`, `folder-step2`, … If they are
    there already, as after an interrupt, they are used, or resumed.

    Args:
        pruning: What is pruned, with images.
        file: Where the pruned network is saved before its last training: a spec, and its weights beside it.
        folder: The folder of the last run.
        settings: The settings of every training.
        iterations: The number of steps.
        observe: Callback for progress events.

    Returns:
        The pruned network before its last training, and the result of that; the result of another one where that was
        interrupted.

    Raises:
        ArchbuilderError: As `prune` and `train_spec`; the folder has another run.
    """
    assert pruning.images is not None
    spec, weights, teacher = pruning.spec, pruning.weights, teacher_of(settings)
    for step, limits in enumerate(_steps(pruning.wanted, iterations), 1):
        pruned = pruning.onto(limits, spec, weights)
        is_last = step == iterations
        place = folder if is_last else folder.with_name(f"{folder.name}-step{step}")
        spec = pruned.spec.renamed(file.stem)
        if is_last:
            pruned.check_unused(file)
            pruned.save(file)
        result = train_loaded(
            spec,
            pruning.images,
            place,
            settings=settings,
            seed=pruning.seed,
            split_seed=pruning.split_seed,
            weights=_matched(pruned, pruning.weights.report.file),
            teacher=teacher,
            machine=pruning.machine,
            observe=observe,
        )
        if result.interrupted:
            break
        weights = match(read_weights(place), state_shapes(spec.plan()))
    return pruned, result


def _matched(pruned: Pruned, source: str) -> Matched:
    """Return the weights of a pruned network as what a training starts from."""
    tensors = pruned.network.state_dict()
    digest = sha256()
    for key, tensor in tensors.items():
        digest.update(key.encode() + tensor.contiguous().numpy().tobytes())
    name = f"{source} pruned to {pruned.limits.text()}"
    weights = Weights(name, digest.hexdigest(), tensors, normalization=pruned.normalization, cuts=pruned.cuts)
    return match(weights, state_shapes(pruned.spec.plan()))


def _steps(wanted: Asked, count: int) -> Iterator[Limits]:
    """Yield the limits of each step: those of the last are the budget, and the ratio of two in turn is the same."""
    for step in range(1, count):
        limits = {}
        for name, limit in wanted.limits.by_quantity.items():
            before = wanted.before[name]
            limits[name] = Limit(round(before * min(1.0, limit.high / before) ** (step / count)))
        yield Limits(limits)
    yield wanted.limits
