"""The teacher of a training: a trained network, and what it says of images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from archbuilder.data import Images, Normalizer
from archbuilder.modules import Network, forward_with_features
from archbuilder.recipe_teacher import TeacherSettings
from archbuilder.training.machine import Machine
from archbuilder.training.processes import Processes

MOST_CACHED = 512 * 2**20
"""The most bytes of a teacher's outputs that are held, for all training images together."""


class TeacherOutput(NamedTuple):
    """What a teacher says of images.

    Attributes:
        logits: N x classes, float32.
        features: The outputs of its layers that are followed, float32: N x C x H x W, or N x C.
    """

    logits: Tensor
    features: list[Tensor]

    def at(self, indices: Tensor) -> "TeacherOutput":
        """Return what it says of some of the images."""
        where = indices.to(self.logits.device, non_blocking=True)
        return TeacherOutput(self.logits[where], [feature[where] for feature in self.features])


@dataclass(frozen=True)
class InputForm:
    """The form in which a training gives images to a teacher.

    Attributes:
        normalizer: What they are normalized by.
        machine: The device and precision.
        at_once: The number of images that the teacher runs on at once. Always the same, so that what it says of an
            image depends on no other images of its batch, not even in the last bits.
    """

    normalizer: Normalizer
    machine: Machine
    at_once: int


class Tapped(nn.Module):
    """Runs a network, and gives the outputs of some of its layers too, each through a projection if there are any."""

    def __init__(self, network: nn.Module, names: Sequence[str], projections: nn.ModuleList | None = None) -> None:
        super().__init__()
        self.network, self._names, self.projections = network, tuple(names), projections

    def forward(self, images: Tensor) -> tuple[Any, list[Tensor]]:
        """N x C x H x W -> what the network returns, and a tensor for each name."""
        if not self._names:
            return self.network(images), []
        assert isinstance(self.network, Network)
        output, found = forward_with_features(self.network, images, self._names)
        if self.projections is not None:
            found = [project(feature) for project, feature in zip(self.projections, found, strict=True)]
        return output, found


@dataclass(eq=False)
class Teacher:
    """A trained network that other networks follow.

    It runs in evaluation mode, without gradients. What it says of all images of a data set is kept, for all trainings
    that it is the teacher of.

    Attributes:
        settings: How closely it is followed.
        network: The network: logits, N x classes, in evaluation mode; a `Network` if layers of it are followed.
        normalizer: The normalization that it was trained with.
    """

    settings: TeacherSettings
    network: nn.Module = field(repr=False)
    normalizer: Normalizer
    _kept: tuple[tuple[Any, ...], TeacherOutput] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Set the network to evaluation mode, without gradients."""
        self.network.eval().requires_grad_(False)
        self._module = Tapped(self.network, tuple(self.settings.features.values()))

    def to(self, machine: Machine) -> None:
        """Move the network to the device of a machine, to run compiled if all do."""
        self.network.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if machine.compiled:
            self._module.compile()

    @torch.no_grad()
    def __call__(self, images: Tensor, form: InputForm) -> TeacherOutput:
        """Return what it says of images.

        Args:
            images: N x C x H x W, on the machine's device, normalized, augmented or not.
            form: Their form. Where their normalization is another than the teacher's, but for images with values on the
                same scale, the teacher gets them normalized by its own.
        """
        own, given = self.normalizer, form.normalizer
        if given != own and own.is_on_scale_of(given):
            pairs = zip(given.mean, given.std, own.mean, own.std, strict=True)
            terms = [(std / own_std, (mean - own_mean) / own_std) for mean, std, own_mean, own_std in pairs]
            scale, shift = torch.tensor(terms, device=images.device).T.reshape(2, 1, -1, 1, 1)
            images = images * scale + shift
        parts = [self._run(part, form) for part in torch.split(images, form.at_once)]
        logits, *features = (torch.cat(tensors).float() for tensors in zip(*parts, strict=True))
        return TeacherOutput(logits, features)

    def _run(self, images: Tensor, form: InputForm) -> list[Tensor]:
        """Run on images, filled up to `at_once` by repetition; return the logits and the features."""
        count = len(images)
        if count < form.at_once:
            images = images[torch.arange(form.at_once, device=images.device) % count]
        with form.machine.autocast():
            logits, features = self._module(images)
        return [tensor[:count] for tensor in (logits, *features)]

    def size_of(self, images: Images, form: InputForm) -> int:
        """Return the bytes of what it says of all images."""
        output = self(torch.zeros(1, *images.shape, device=form.machine.device), form)
        return len(images) * sum(4 * tensor.numel() for tensor in (output.logits, *output.features))

    def of_all(self, images: Images, form: InputForm, processes: Processes) -> TeacherOutput:
        """Return what it says of all images as they are, computed once for the same images.

        Args:
            images: The images.
            form: How they are normalized, and what the teacher runs on.
            processes: The processes that compute it together; each gets all of it.
        """
        key = (images, form, processes)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self._computed(images, form, processes))
        return self._kept[1]

    def _computed(self, images: Images, form: InputForm, processes: Processes) -> TeacherOutput:
        """Compute what `of_all` returns."""
        own = processes.share(torch.arange(len(images)))
        batches = images.batches(torch.split(own, form.at_once), workers=form.machine.workers)
        found = [self(form.normalizer(batch.images.to(form.machine.device)), form) for batch in batches]
        logits, *features = (
            _gathered(torch.cat(tensors), own, len(images), processes)
            for tensors in zip(*([part.logits, *part.features] for part in found), strict=True)
        )
        return TeacherOutput(logits, features)


def _gathered(mine: Tensor, indices: Tensor, count: int, processes: Processes) -> Tensor:
    """Return the rows of all processes, of which this one has those at some indices."""
    if processes.count == 1:
        return mine
    whole = mine.new_zeros(count, *mine.shape[1:])
    whole[indices.to(mine.device)] = mine
    return processes.sum(whole)
