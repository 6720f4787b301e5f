"""Addresses of data sets: `digits`, `idx:PATH`, `folder:PATH@224`, `folder:PATH@224@gray`."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from archbuilder.errors import ArchbuilderError, did_you_mean

_SIZE = re.compile(r"@(\d{1,9})(?:x(\d{1,9}))?$", re.ASCII)
_COLORS = re.compile(r"@(gray|rgb|bands)$", re.ASCII)
_CHANNELS = {"gray": 1, "rgb": 3, "bands": None}
_BARE_PATH = re.compile(r"[./~\\]|[A-Za-z]:[/\\]|[^:]*[/\\]")  # a path, without a kind before it
_LARGEST = 4096

USUAL_ROOT = "data"
"""The folder of torchvision's data sets where their address has none."""

FORMS: dict[str, str] = {}
"""How the address of each kind is written; the formats are in the files of this package, and in plugins."""


@dataclass(frozen=True)
class Address:
    """The parsed address of a data set.

    Attributes:
        text: The address as written.
        kind: Its format, a key of `FORMS`.
        path: The part after the colon: a file, a folder, or the data set's name in torchvision; may be empty.
        size: The height and width that images are resized and cropped to; None keeps their size.
        channels: 1 for gray or 3 for color; None keeps the images' own.
        bands: Whether all bands and pages of TIFF files are channels.
        download: Whether torchvision may download the data set.
        evaluation_only: Whether it is loaded for evaluation alone: it may then lack training images and classes.
        skip_broken: Whether unreadable image files are skipped; otherwise they are errors.
    """

    text: str
    kind: str
    path: str = ""
    size: tuple[int, int] | None = None
    channels: int | None = None
    bands: bool = False
    download: bool = False
    evaluation_only: bool = False
    skip_broken: bool = False

    @property
    def expanded_path(self) -> Path:
        """The path, with `~` replaced by the home folder."""
        return expand_home(self.path)


def expand_home(path: str) -> Path:
    """Return a path with `~` replaced by the home folder, if there is one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no such user
        return Path(path)


def parse_address(text: str, base: Path | None = None, *, known: Collection[str] = FORMS.keys()) -> Address:
    """Parse an address, without reading the data set.

    Args:
        text: An address such as `digits` or `folder:photos@224`.
        base: The folder that relative paths start from, such as that of the file the address stands in. The path and
            the text become absolute, so that the text names the same data set from anywhere. Without it, paths
            start from the working directory and the text stays as it is.
        known: The kinds there are.

    Raises:
        ArchbuilderError: The address is invalid; the message lists the valid forms.
    """
    if not text.isprintable():
        raise ArchbuilderError(f"the data set {text!r} contains an unprintable character")
    kind, colon, path = text.partition(":")
    if kind not in known:
        raise ArchbuilderError(_unknown_format(text, kind, known))
    form = FORMS.get(kind, kind)
    if kind == "digits" and colon:
        raise ArchbuilderError(f"{text!r}: digits takes no path: it comes with scikit-learn")
    address = Address(text, kind, path)
    if kind == "folder" and (colors := _COLORS.search(path)):
        path = path[: colors.start()]
        address = Address(text, kind, path, channels=_CHANNELS[colors[1]], bands=colors[1] == "bands")
    if kind != "torchvision" and (match := _SIZE.search(path)):
        size = _size(text, match, form)
        address = replace(address, path=path[: match.start()], size=size)
    if "PATH" in form and not address.path.strip():
        raise ArchbuilderError(f"{text!r}: no path is given, expected {form}")
    if kind == "torchvision" and not path.partition(":")[0].strip():
        raise ArchbuilderError(f"{text!r}: no name is given, expected {form}, such as torchvision:MNIST")
    has_path = "PATH" in form or kind == "torchvision"
    return address if base is None or not has_path else _absolute(base, address)


def _unknown_format(text: str, kind: str, known: Collection[str]) -> str:
    """Return the error for an address of an unknown format, with a suggestion and the valid forms."""
    forms = ", ".join(FORMS.get(name, name) for name in known)
    if _BARE_PATH.match(text) or _exists(text):
        likely = "npz" if text.endswith(".npz") else "idx" if _contains_idx(Path(text)) else "folder"
        return f"{text!r} does not say its format; did you mean {likely}:{text}? (forms: {forms})"
    name, size = kind, _SIZE.search(kind)
    if size and kind[: size.start()] in known:
        name = kind[: size.start()]
        wanted = f"takes no size, found {size[0]}" if name != "folder" else f"needs a path: folder:PATH{size[0]}"
        return f"{text!r}: {name} {wanted} (forms: {forms})"
    return f"unknown data set {name!r}{did_you_mean(name, known)} (forms: {forms})"


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except OSError:  # too long for a name
        return False


def _contains_idx(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*-ubyte*"))


def _size(text: str, match: re.Match[str], form: str) -> tuple[int, int]:
    """Return the height and width that an address ends in, in pixels; raise an error if they are invalid."""
    if "@SIZE" not in form:
        message = f"{text!r}: {form} takes no size, found {match[0]}; if the path itself ends in it, append a slash"
        raise ArchbuilderError(message)
    height = int(match[1])
    width = int(match[2]) if match[2] else height
    if not (1 <= height <= _LARGEST and 1 <= width <= _LARGEST):
        raise ArchbuilderError(f"{text!r}: found the size {match[0]}, expected 1 to {_LARGEST:,} pixels a side")
    return height, width


def _absolute(base: Path, address: Address) -> Address:
    """Return an address with an absolute path, and the text for it.

    Those of torchvision without a folder get the default one.
    """
    name, colon, root = "", "", address.path
    if address.kind == "torchvision":
        name, _, root = address.path.partition(":")
        colon, root = ":", root or USUAL_ROOT
    if not root:
        return address
    absolute = str((base / expand_home(root)).absolute())
    if _SIZE.search(absolute) or _COLORS.search(absolute):
        absolute += "/"  # so that the end of the path is not read as a size or color
    size = "@{}x{}".format(*address.size) if address.size else ""
    size += "@bands" if address.bands else {None: "", 1: "@gray", 3: "@rgb"}[address.channels]
    path = f"{name}{colon}{absolute}"
    return replace(address, text=f"{address.kind}:{path}{size}", path=path)
