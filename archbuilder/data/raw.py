"""A data set as it was loaded, before it is split."""

from dataclasses import dataclass

from archbuilder.data.images import Images
from archbuilder.errors import ArchbuilderError

_MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class RawData:
    """A data set as its makers give it.

    Attributes:
        train: The images to learn from; all of them, where the makers give no splits.
        test: The makers' own test images, if they keep some apart.
        validation: The makers' own validation images, if they keep some apart.
        class_names: What the labels mean, in their order.
        notes: What of it was not read, for the user to know.
        skipped: The files that were left out because they cannot be read.
    """

    train: Images
    class_names: tuple[str, ...]
    test: Images | None = None
    validation: Images | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def check_raw(name: str, data: RawData) -> None:
    """Check what no format promises: something to learn, and the same classes and shapes to be judged by.

    Args:
        name: What errors call the data set.
        data: The set as it was loaded.

    Raises:
        ArchbuilderError: No training images, or all of one class; other images show a class that these do not, or they
            are of another shape.
    """
    learned = set(data.train.labels.tolist())
    if not learned:
        others = [part for part in ("validation", "test") if getattr(data, part) is not None]
        only = f"; there is only {' and '.join(others)}, for evaluation alone" if others else ""
        raise ArchbuilderError(f"{name}: no training images{only}")
    if len(learned) == 1:
        only = data.class_names[next(iter(learned))]
        raise ArchbuilderError(f"{name}: every training image is of the class {only!r}, expected two classes or more")
    for part, images in (("validation", data.validation), ("test", data.test)):
        if images is None:
            continue
        unknown = [data.class_names[label] for label in sorted(set(images.labels.tolist()) - learned)]
        if unknown:
            some = ", ".join(unknown[:_MOST_NAMED]) + (" and more" if len(unknown) > _MOST_NAMED else "")
            raise ArchbuilderError(f"{name}: the {part} images have classes without training images: {some}")
        if images.shape != data.train.shape:
            found, expected = (" x ".join(map(str, some.shape)) for some in (images, data.train))
            message = (
                f"the {part} images are {found}, but the training images are {expected} (channels x height x width)"
            )
            raise ArchbuilderError(f"{name}: {message}")
