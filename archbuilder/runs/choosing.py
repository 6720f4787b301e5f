"""Choose the images that a checkpoint is evaluated on, and check that none of a test were trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from archbuilder.data import Images, RawData, find_data, load_raw, partition
from archbuilder.errors import ArchbuilderError
from archbuilder.runs.class_names import match_classes
from archbuilder.runs.seen import SeenImages
from archbuilder.runs.setup import RunSetup

WHOLE, UNSEEN = "all", "unseen"
"""All images of a data set, and those that the run has not seen."""


@dataclass(frozen=True)
class Chosen:
    """Images to evaluate a checkpoint on.

    Attributes:
        address: The address of the data set.
        split: The split: `test`, `validation`, `train`, `all` or `unseen`.
        images: The images, labeled by the classes of the training.
        class_names: The name of each label.
        notes: Notes for the user.
    """

    address: str
    split: str
    images: Images
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def choose_images(
    setup: RunSetup,
    seen: SeenImages | None,
    data: str | None,
    split: str | None,
    *,
    channels: int,
    download: bool = False,
    skip_broken: bool = False,
) -> Chosen:
    """Load a data set, and choose the images to evaluate on.

    Args:
        setup: The run.
        seen: The images that it has seen, if that is known.
        data: The address of a data set; by default that of the training, with unchanged images.
        split: The split; by default test, or all images of another data set without one.
        channels: The input channels of the network.
        download: Whether torchvision may download the data set.
        skip_broken: Whether unreadable files are skipped.

    Raises:
        ArchbuilderError: The data set is missing or damaged, it has unknown classes, or the run was trained on some of
            the images of a test.
    """
    if data is None and split not in {WHOLE, UNSEEN}:
        loaded = setup.load_data(None, download=download)
        setup.check_data(loaded)
        split = split or "test"
        own = {"train": loaded.train, "validation": loaded.validation, "test": loaded.open_test()}
        return Chosen(setup.data, split, own[split], setup.class_names, _duplicates_note(setup.data, own, split, seen))
    text = data or setup.data
    skip = skip_broken or (bool(setup.skipped) and text.startswith("folder:"))
    address = replace(find_data(text, download=download, skip_broken=skip), evaluation_only=True)
    if address.kind == "folder":
        bands = address.bands or channels not in (1, 3) or (not address.channels and setup.reads_bands)
        address = replace(address, channels=None if bands else address.channels or channels, bands=bands)
    raw = load_raw(address)
    places, names, notes = match_classes(text, raw.class_names, setup.class_names)
    raw = _relabeled(raw, torch.tensor(places), names)
    notes = [*raw.notes, *notes]
    if parts := _own_splits(text, raw, setup, split):
        split = split or "test"
        return Chosen(text, split, parts[split], names, (*notes, *_duplicates_note(text, parts, split, seen)))
    split, images = _choose_split(text, raw, setup, split)
    if not len(images):
        raise ArchbuilderError(f"{text}: the {split} split has no images")
    if seen is None:
        if split == UNSEEN:
            raise ArchbuilderError(f"{text}: the images that the run has seen are unknown: seen.safetensors is missing")
        notes.append("the network may have been trained on some of these images: seen.safetensors is missing")
        return Chosen(text, split, images, names, tuple(notes))
    digests = images.digests()
    trained = torch.isin(digests, seen.train)
    picked = torch.isin(digests, seen.validation) & ~trained
    if split == UNSEEN:
        fresh = (~trained & ~picked).nonzero().squeeze(1)
        if not len(fresh):
            raise ArchbuilderError(f"{text}: the run has seen all of its {len(images):,} images")
        notes.append(
            f"skipped: {int(trained.sum()):,} images that it was trained on, "
            f"{int(picked.sum()):,} that selected its best epoch"
        )
        return Chosen(text, split, images.take(fresh), names, tuple(notes))
    if split != "train" and (bool(trained.any()) or (split != "validation" and bool(picked.any()))):
        raise ArchbuilderError(_not_a_test_text(text, len(images), int(trained.sum()), int(picked.sum())))
    return Chosen(text, split, images, names, tuple(notes))


def _duplicates_note(text: str, own: dict[str, Images], split: str, seen: SeenImages | None) -> tuple[str, ...]:
    """Return a note on the images of a split of the run that duplicate training images.

    Raises:
        ArchbuilderError: Some were trained on before the run was resumed with other images.
    """
    if split == "train" or seen is None:
        return ()
    digests = own[split].digests()
    copies = torch.isin(digests, own["train"].digests())
    trained = torch.isin(digests, seen.train) & ~copies
    validated = torch.isin(digests, seen.validation) & ~torch.isin(digests, own["validation"].digests())
    picked = validated & ~copies & ~trained
    if bool(trained.any()) or (split == "test" and bool(picked.any())):
        raise ArchbuilderError(_not_a_test_text(text, len(digests), int(trained.sum()), int(picked.sum())))
    count = int(copies.sum())
    return (f"duplicates of its training images among these: {count:,}",) if count else ()


def _not_a_test_text(text: str, images: int, trained: int, picked: int) -> str:
    """Return the error for a split with images that the run was trained on or selected by."""
    seen = [f"it was trained on {trained:,}"] if trained else []
    seen += [f"its best epoch was selected by {picked:,}"] if picked else []
    rest = images - trained - picked
    advice = f"split='unseen' evaluates the other {rest:,}" if rest else "no unseen image is left"
    return f"{text}: not a test set: of these {images:,} images, {' and '.join(seen)}\n  {advice}"


def _relabeled(data: RawData, places: Tensor, names: tuple[str, ...]) -> RawData:
    """Return the data set with each label mapped to its number among `names`; `places` has the new numbers."""

    def labeled(images: Images | None) -> Images | None:
        return None if images is None else images.labeled(places[images.labels] if len(images) else images.labels)

    train = labeled(data.train)
    assert train is not None
    test, validation = labeled(data.test), labeled(data.validation)
    return replace(data, train=train, class_names=names, test=test, validation=validation)


def _own_splits(text: str, data: RawData, setup: RunSetup, split: str | None) -> dict[str, Images] | None:
    """Return the splits of the training if these are its images, wherever they lie now."""
    if split in {WHOLE, UNSEEN}:
        return None
    try:
        parts = partition(text, data, seed=setup.split_seed, by=setup.split_by)
    except ArchbuilderError:  # too few to part, so they are others
        return None
    same = parts.fingerprints() == setup.fingerprints
    return {"train": parts.train, "validation": parts.validation, "test": parts.test} if same else None


def _choose_split(text: str, data: RawData, setup: RunSetup, split: str | None) -> tuple[str, Images]:
    """Return the name and the images of the chosen split; by default `test`, or all images without a test split."""
    given = {"train": data.train, "validation": data.validation, "test": data.test}
    chosen = split or (WHOLE if data.test is None else "test")
    if chosen in {WHOLE, UNSEEN}:
        return chosen, _joined([images for images in given.values() if images is not None and len(images)], text)
    images = given[chosen]
    cuts = chosen == "train" and (data.test is None or data.validation is None)
    if images is not None and not cuts:
        return chosen, images
    parts = partition(text, data, seed=setup.split_seed, by=setup.split_by)
    return chosen, {"train": parts.train, "validation": parts.validation, "test": parts.test}[chosen]


def _joined(parts: Sequence[Images], text: str) -> Images:
    first, *others = parts
    if any(type(other) is not type(first) or other.shape != first.shape for other in others):
        raise ArchbuilderError(f"{text}: its splits differ in image shape: choose one with split=")
    return first.joined(others) if others else first
