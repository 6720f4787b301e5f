"""The formats of data sets, and loading by address."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from archbuilder.data.address import FORMS, Address, parse_address
from archbuilder.data.format import Format
from archbuilder.data.partition import SplitBy
from archbuilder.data.raw import RawData
from archbuilder.data.splits import DataSplits, split
from archbuilder.errors import ArchbuilderError

SOURCES: dict[str, Callable[[Address], RawData]] = {}
"""The loader of each format by its name: it returns every image with its original pixel values."""


def add_format(declared: Format) -> None:
    """Add a format.

    Raises:
        ArchbuilderError: The name is taken by another format.
    """
    if declared.kind in SOURCES:
        raise ArchbuilderError(f"the data format {declared.kind!r} is taken; choose another name")
    SOURCES[declared.kind], FORMS[declared.kind] = declared.load, declared.form


def _add_declared() -> None:
    """Import every module of this package, and add each `Format` found."""
    package = __name__.rpartition(".")[0]
    names = [module.name for module in iter_modules(import_module(package).__path__, f"{package}.")]
    modules = [import_module(name) for name in names if name != __name__]
    found = {value.kind: value for module in modules for value in vars(module).values() if isinstance(value, Format)}
    for kind in sorted(found):
        add_format(found[kind])


_add_declared()


def check_address(text: str, base: Path | None = None) -> Address:
    """Parse an address, without reading the data set.

    Args:
        text: Such as `digits` or `folder:photos@224`.
        base: The folder that relative paths start from; without it, the working directory.

    Raises:
        ArchbuilderError: The address is invalid; the message lists the valid forms.
    """
    return parse_address(text, base, known=SOURCES.keys())


def load_data(
    address: str,
    *,
    seed: int = 0,
    split_by: SplitBy = "seed",
    download: bool = False,
    skip_broken: bool = False,
    base: Path | None = None,
) -> DataSplits:
    """Load a data set by its address, and split it.

    Args:
        address: Such as `digits` or `idx:/usr/share/datasets/fashion-mnist`.
        seed: The random seed of the split.
        split_by: `seed` stratifies by class; `hash` goes by the content of an image, which then keeps its split when
            others are added.
        download: Whether torchvision may download a missing data set. No other format uses the network.
        skip_broken: Whether image files that cannot be read are left out; else they are errors.
        base: The folder that relative paths start from; without it, the working directory.

    Raises:
        ArchbuilderError: The data set does not exist, or it is damaged.
    """
    found = find_data(address, download=download, skip_broken=skip_broken, base=base)
    return split(found.text, load_raw(found), seed=seed, by=split_by)


def find_data(address: str, *, download: bool = False, skip_broken: bool = False, base: Path | None = None) -> Address:
    """Parse an address and set its options, without reading the data set.

    Raises:
        ArchbuilderError: The address is invalid, or its format does not support an option.
    """
    found = check_address(address, base)
    if download and found.kind != "torchvision":
        raise ArchbuilderError(f"{address}: there is nothing to download: only torchvision:NAME can be fetched")
    if skip_broken and found.kind != "folder":
        raise ArchbuilderError(f"{address}: only files of folder:PATH can be left out where they are broken")
    return replace(found, download=download, skip_broken=skip_broken)


def load_raw(address: Address) -> RawData:
    """Load a data set without splitting it.

    Raises:
        ArchbuilderError: The data set does not exist, or is damaged.
    """
    return SOURCES[address.kind](address)
