"""The handwritten digits that come with scikit-learn."""

import torch

from archbuilder.data.address import Address
from archbuilder.data.format import Format
from archbuilder.data.images import ImageSet
from archbuilder.data.raw import RawData


def load_digits(address: Address) -> RawData:
    """Load the 1,797 handwritten digits inside scikit-learn: 1 x 8 x 8, gray from 0 to 16."""
    from sklearn import datasets  # noqa: PLC0415 - slow to import, and no other data set needs it

    digits = datasets.load_digits()
    images = torch.from_numpy(digits.images).to(torch.uint8).unsqueeze(1)  # N x 1 x 8 x 8
    names = tuple(str(name) for name in digits.target_names)
    return RawData(ImageSet(images, torch.from_numpy(digits.target).to(torch.int64)), names)


FORMAT = Format("digits", "digits", load_digits)
