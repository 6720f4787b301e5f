"""Load data sets of torchvision by name."""

import importlib
import inspect
from collections.abc import Sized
from typing import Any, cast

from archbuilder.data.address import USUAL_ROOT, Address, expand_home
from archbuilder.data.format import Format
from archbuilder.data.raw import RawData
from archbuilder.data.samples import read_samples
from archbuilder.errors import ArchbuilderError, did_you_mean

_KNOWN_ARGUMENTS = ("root", "train", "split", "download")


def load_torchvision(address: Address) -> RawData:
    """Load a data set of torchvision into memory; it is downloaded only if the address allows it."""
    library = import_torchvision("datasets")
    name, _, root = address.path.partition(":")
    known = [entry for entry in library.__all__ if inspect.isclass(getattr(library, entry, None))]
    if name not in known:
        raise ArchbuilderError(f"{address.text}: torchvision has no data set {name!r}{did_you_mean(name, known)}")
    dataset_class = getattr(library, name)
    parameters = inspect.signature(dataset_class).parameters
    _check_no_further_arguments(address, parameters)
    arguments: dict[str, Any] = {"root": str(expand_home(root or USUAL_ROOT))} if "root" in parameters else {}
    accepts_kwargs = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if "download" in parameters or (address.download and accepts_kwargs):
        arguments["download"] = address.download
    splits = {"train": _open_split(address, dataset_class, arguments | _split_arguments(parameters, "train"))}
    for part, split_name in (("validation", "val"), ("test", "test")):
        if selection := _split_arguments(parameters, split_name):
            dataset = _open_split(address, dataset_class, arguments | selection, required="train" in selection)
            splits |= {part: dataset} if dataset is not None else {}
    classes = getattr(splits["train"], "classes", None)
    return read_samples(address.text, {part: cast(Sized, samples) for part, samples in splits.items()}, classes)


def import_torchvision(module: str, *, needed_by: str = "") -> Any:
    """Import a module of torchvision, which need not be installed: its types are unknown.

    Args:
        module: Its name within torchvision, such as `datasets`.
        needed_by: What needs it, for the error.

    Raises:
        ArchbuilderError: torchvision is not installed, or its build does not fit that of torch.
    """
    purpose = f"{needed_by}: " if needed_by else ""
    try:
        return importlib.import_module(f"torchvision.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "torchvision":
            raise ArchbuilderError(f"{purpose}torchvision cannot be imported: {error}") from error
        message = f"{purpose}torchvision is not installed: pip install 'archbuilder[vision]'"
        raise ArchbuilderError(message) from error
    except (RuntimeError, ImportError, OSError) as error:
        raise ArchbuilderError(
            f"{purpose}torchvision cannot be imported: {error}\n  These builds of torch and torchvision do not fit "
            "each other: install both from the same index, in versions that belong together"
        ) from error


def _check_no_further_arguments(address: Address, parameters: Any) -> None:
    """Raise an error if the class has required arguments that an address cannot express."""
    needed = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and name not in _KNOWN_ARGUMENTS
    ]
    if needed:
        wanted = ", ".join(needed)
        raise ArchbuilderError(f"{address.text}: it needs {wanted}, which an address cannot give; use folder:PATH")


def _split_arguments(parameters: Any, split_name: str) -> dict[str, Any]:
    """Return the keyword arguments that select a split; an empty dict if the class has no such split."""
    if "train" in parameters:
        return {} if split_name == "val" else {"train": split_name == "train"}
    return {"split": split_name} if "split" in parameters else {}


def _open_split(address: Address, dataset_class: Any, arguments: dict[str, Any], *, required: bool = True) -> Any:
    """Return a split; None if it is optional and the data set does not have it."""
    try:
        return dataset_class(**arguments)
    except ValueError as error:  # what torchvision raises for an unknown split
        if not required or arguments.get("split") in ("val", "test"):
            return None
        raise ArchbuilderError(f"{address.text}: {error}") from error
    except ImportError as error:
        raise ArchbuilderError(f"{address.text}: it needs another package: {error}") from error
    except (RuntimeError, OSError, TypeError) as error:  # TypeError where the class has no argument `download`
        if address.download:
            raise ArchbuilderError(f"{address.text}: it could not be downloaded: {error}") from error
        root = f" in {arguments['root']}" if "root" in arguments else ""
        first = str(error).partition("\n")[0]
        message = f"not found{root}, or damaged; download=True downloads it (torchvision says: {first})"
        raise ArchbuilderError(f"{address.text}: {message}") from error


FORMAT = Format("torchvision", "torchvision:NAME[:ROOT]", load_torchvision)
