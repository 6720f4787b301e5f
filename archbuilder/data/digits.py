"""The handwritten digits that come with scikit-learn."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from archbuilder.data.address import Address
from archbuilder.data.format import Format
from archbuilder.data.images import ImageSet
from archbuilder.data.raw import RawData
from archbuilder.errors import ArchbuilderError


def load_digits(address: Address) -> RawData:
    """Load the 1,797 handwritten digits inside scikit-learn: 1 x 8 x 8, gray from 0 to 16."""
    # The file is read directly: importing scikit-learn takes seconds.
    package = find_spec("sklearn")
    folders = [] if package is None else package.submodule_search_locations or []
    paths = [Path(folder) / "datasets" / "data" / "digits.csv.gz" for folder in folders]
    path = next(filter(Path.is_file, paths), None)
    if path is None:
        raise ArchbuilderError("digits: scikit-learn has no datasets/data/digits.csv.gz; install it anew")
    table = torch.from_numpy(np.loadtxt(path, delimiter=",", dtype=np.uint8))  # pixels and digit
    names = tuple(map(str, range(10)))
    return RawData(ImageSet(table[:, :-1].reshape(-1, 1, 8, 8).contiguous(), table[:, -1].to(torch.int64)), names)


FORMAT = Format("digits", "digits", load_digits)
