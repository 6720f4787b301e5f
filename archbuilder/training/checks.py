"""Check that the settings of a training suit its images, before anything is written or trained."""

from archbuilder.data import DataSplits
from archbuilder.errors import ArchbuilderError
from archbuilder.recipe import TrainSettings
from archbuilder.training.image_transforms import image_transform
from archbuilder.training.loss import class_weights


def check_settings(settings: TrainSettings, data: DataSplits) -> None:
    """Check augmentation, normalization and class weights beside the images and their classes.

    Args:
        settings: The settings.
        data: The data set; one of its training images is read at most.

    Raises:
        ArchbuilderError: Augmentation leaves nothing of an image, does not suit the images or needs a package; or mean,
            standard deviation or class weights do not fit the data.
    """
    height, width = data.image_shape[1:]
    most = min(height, width) - 1
    for name, value in (("crop", settings.crop), ("cutout", settings.cutout)):
        if value > most:
            raise ArchbuilderError(f"{name} {value}: images are {height} x {width}, expected at most {most}")
    data.normalized_by(settings.mean, settings.std)
    class_weights(data.train.labels, data.classes, settings)
    image_transform(settings, data.train, data.normalizer.mean)
