"""A data set as it was loaded, before it is split."""

from dataclasses import dataclass

from archbuilder.data.images import Images
from archbuilder.errors import ArchbuilderError

_MOST_NAMED = 10


@dataclass(frozen=True, eq=False)
class RawData:
    """A data set as it is published.

    Attributes:
        train: The training images; all images, if the data set has no splits.
        test: The published test images, if any.
        validation: The published validation images, if any.
        class_names: The name of each label.
        notes: What was not read, for the user to know.
        skipped: The files that were skipped because they cannot be read.
    """

    train: Images
    class_names: tuple[str, ...]
    test: Images | None = None
    validation: Images | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def check_raw(name: str, data: RawData) -> None:
    """Check that there are training images of two classes, and that all splits have the same classes and shape.

    Args:
        name: The name of the data set in errors.
        data: The set as it was loaded.

    Raises:
        ArchbuilderError: There are no training images, or all are of one class; or another split has a class without
            training images, or images of another shape.
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
