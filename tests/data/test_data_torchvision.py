"""Data sets of torchvision.

Most tests run against a small stand-in, whose classes have the signatures and the errors of torchvision's: no
torchvision goes with the build of torch that these tests run with, and its data sets would have to be fetched.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from archbuilder.data import ImageSet, load_data
from archbuilder.data import samples as samples_module
from archbuilder.errors import ArchbuilderError

COUNT = 40


def gray(seed: int, height: int = 6, width: int = 5) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8))


class FakeData:
    """Like torchvision's: no root and no splits; labels are tensors."""

    def __init__(self, size: int = COUNT, transform: Any = None, random_offset: int = 0) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        colors = [gray(index).convert("L"), gray(index + 1), gray(index + 2)]
        return Image.merge("RGB", colors), torch.tensor(index % 4)


class MNIST(FakeData):
    """Like torchvision's: `train` chooses the split, and files must lie below the root."""

    classes: Any = ["0 - zero", "1 - one", "2 - two"]  # noqa: RUF012 - as torchvision has it

    def __init__(self, root: str, train: bool = True, transform: Any = None, download: bool = False) -> None:
        if download:
            (Path(root) / "MNIST").mkdir(parents=True)
        if not (Path(root) / "MNIST").exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.train = train
        super().__init__(COUNT if train else 9)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return gray(index + 1000 * (not self.train)), index % 3


class Flowers(FakeData):
    """Like Flowers102: `split` chooses among three, and labels begin at 1."""

    splits: tuple[str, ...] = ("train", "val", "test")

    def __init__(self, root: str, split: str = "train", download: bool = True) -> None:
        if download:
            raise RuntimeError("the network was asked for")
        if split not in self.splits:
            raise ValueError(f"Unknown value '{split}' for argument split. Valid values are {set(self.splits)}.")
        super().__init__({"train": 40, "val": 8}.get(split, 12))

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return super().__getitem__(index)[0], 1 + index % 4


class Houses(Flowers):
    """Like SVHN: `split` chooses among train and test."""

    splits = ("train", "test", "extra")


class Letters(Flowers):
    """Like EMNIST: `split` chooses something else."""

    splits = ("byclass", "letters")


class Sizes(FakeData):
    """Images that differ in size."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return gray(0, height=6 + index % 2), index % 2


class Boxes(FakeData):
    """Labels that are boxes."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return gray(0), {"boxes": [1, 2]}


class Triples(FakeData):
    """Samples of more than two things."""

    def __getitem__(self, index: int) -> Any:
        return gray(0), 1, 2


class Tensors(FakeData):
    """Images that are tensors already."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return torch.full((1, 2, 3), index, dtype=torch.uint8), index % 2


class Arrays(FakeData):
    """Images that are no images."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return [[1, 2]], 0


class Damaged(FakeData):
    """Samples that cannot be read."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        raise KeyError("image 0 is missing")


class NoDownload(FakeData):
    """Like ImageNet: what it does not know of its arguments it passes on, to one who does not know it either."""

    def __init__(self, root: str, split: str = "train", **arguments: Any) -> None:
        super().__init__(**arguments)


class Nothing(FakeData):
    """No samples."""

    def __len__(self) -> int:
        return 0


class DatasetFolder(FakeData):
    """Like torchvision's: it must be given a function."""

    def __init__(self, root: str, loader: Callable[[str], Any], extensions: Any = None) -> None:
        raise AssertionError


class NeedsPackage(FakeData):
    """A data set that needs a package of its own."""

    def __init__(self, root: str) -> None:
        raise ModuleNotFoundError("No module named 'h5py'")


CLASSES = (
    FakeData,
    MNIST,
    Flowers,
    Houses,
    Letters,
    Sizes,
    Boxes,
    Triples,
    Tensors,
    Arrays,
    Damaged,
    NoDownload,
    Nothing,
    DatasetFolder,
    NeedsPackage,
)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put the stand-in where torchvision would be."""
    package, datasets = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    package.datasets = datasets  # type: ignore[attr-defined]
    for entry in CLASSES:
        setattr(datasets, entry.__name__, entry)
    datasets.__all__ = [entry.__name__ for entry in CLASSES]  # type: ignore[attr-defined]
    datasets.os = sys  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    return datasets


def held(images: Any) -> ImageSet:
    assert isinstance(images, ImageSet)
    return images


@pytest.mark.usefixtures("library")
def test_a_set_without_splits_is_parted() -> None:
    data = load_data("torchvision:FakeData")
    assert data.statement.startswith(
        "24 training images, 8 validation images (20 % of every class by seed 0), 8 test images (20 %"
    )
    assert (data.image_shape, data.class_names) == ((3, 6, 5), ("0", "1", "2", "3"))
    everything = torch.cat([held(part).images for part in (data.train, data.validation, data.open_test())])
    assert len(everything.unique(dim=0)) == COUNT  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("library")
def test_train_chooses_the_split(tmp_path: Path) -> None:
    (tmp_path / "MNIST").mkdir()
    data = load_data(f"torchvision:MNIST:{tmp_path}")
    assert data.class_names == ("0 - zero", "1 - one", "2 - two")
    test = held(data.open_test())
    assert test.labels.tolist() == [0, 1, 2] * 3
    assert test.images.dtype == torch.uint8
    for index in range(9):
        assert np.array_equal(test.images[index, 0].numpy(), np.asarray(gray(1000 + index)))


@pytest.mark.usefixtures("library")
def test_split_chooses_the_split_and_the_network_is_not_asked(tmp_path: Path) -> None:
    data = load_data(f"torchvision:Flowers:{tmp_path}")
    assert data.statement == "40 training images, 8 validation images (provided), 12 test images (provided)"
    assert data.class_names == ("1", "2", "3", "4")
    assert load_data(f"torchvision:Houses:{tmp_path}").statement == (
        "36 training images, 4 validation images (10 % of every class by seed 0), 12 test images (provided)"
    )


@pytest.mark.usefixtures("library")
def test_tensors_are_taken_as_they_are() -> None:
    data = load_data("torchvision:Tensors")
    assert data.image_shape == (1, 2, 3)
    parts = [held(part).images[:, 0, 0, 0] for part in (data.train, data.validation, data.open_test())]
    assert sorted(torch.cat(parts).tolist()) == list(range(COUNT))


@pytest.mark.usefixtures("library")
def test_only_the_user_asks_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message = (
        r"MNIST.*: not found in .*sets, or damaged; download=True downloads it \(torchvision says: Dataset not found\."
    )
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"torchvision:MNIST:{tmp_path / 'sets'}")
    assert not (tmp_path / "sets").exists()
    with pytest.raises(ArchbuilderError, match=r"could not be downloaded: the network was asked for$"):
        load_data("torchvision:Flowers", download=True)
    with pytest.raises(ArchbuilderError, match=r"could not be downloaded: .*unexpected keyword argument 'download'"):
        load_data("torchvision:NoDownload", download=True)
    (tmp_path / "sets").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArchbuilderError, match=r"not found in data, or damaged"):
        load_data("torchvision:MNIST")  # the root, where none is given, is the folder `data`
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sets"]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MNISt", r"^torchvision:MNISt: torchvision has no data set 'MNISt'; did you mean MNIST\?$"),
        ("os", r"^torchvision:os: torchvision has no data set 'os'"),
        ("Letters", r"^torchvision:Letters: Unknown value 'train' for argument split\. Valid values are"),
        (
            "Sizes",
            r"images differ in size: image 1 is 1 x 7 x 5, the first is 1 x 6 x 5 .*; use folder:PATH@SIZE on its",
        ),
        ("Boxes", r"image 0: found the label \{'boxes': \[1, 2\]\}, expected an integer$"),
        ("Triples", r"sample 0 is not a pair of an image and a label"),
        ("Arrays", r"image 0: found list, expected an image of 1 or 3 channels$"),
        ("Damaged", r"sample 0 cannot be read: 'image 0 is missing'$"),
        ("Nothing", r"torchvision:Nothing \(train\): has no images$"),
        ("DatasetFolder", r"it needs loader, which an address cannot give; use folder:PATH$"),
        ("NeedsPackage", r"it needs another package: No module named 'h5py'$"),
    ],
)
def test_what_cannot_be_loaded(name: str, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        load_data(f"torchvision:{name}")


@pytest.mark.usefixtures("library")
def test_sets_that_do_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples_module, "MOST_HELD", COUNT * 3 * 6 * 5 - 1)
    with pytest.raises(
        ArchbuilderError, match=r"\(train\): 40 images are too many to hold in memory; use folder:PATH@SIZE"
    ):
        load_data("torchvision:FakeData")


def test_without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ArchbuilderError, match=r"torchvision is not installed: pip install 'archbuilder\[vision\]'$"):
        load_data("torchvision:MNIST")


class Absent:
    """Says of torchvision that it is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "torchvision":
            raise ModuleNotFoundError("No module named 'torchvision'", name=name)


def test_builds_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")'
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    message = (
        r"operator torchvision::nms does not exist\n  These builds of torch and torchvision do not fit each other: inst"
    )
    with pytest.raises(ArchbuilderError, match=message):
        load_data("torchvision:MNIST")


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_torchvision_itself() -> None:
    data = load_data("torchvision:FakeData")
    assert (data.image_shape, data.classes) == ((3, 224, 224), 10)
    with pytest.raises(ArchbuilderError, match="did you mean"):
        load_data("torchvision:FashionMNISTS")
