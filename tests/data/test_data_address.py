"""Addresses say what a data set is, and are told what is wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archbuilder.data import SOURCES, Address, check_address, load_data, parse_address
from archbuilder.data.address import FORMS
from archbuilder.errors import ArchbuilderError


def test_every_source_has_a_form() -> None:
    assert list(FORMS) == list(SOURCES)
    assert all(form.startswith(kind) for kind, form in FORMS.items())


@pytest.mark.parametrize(
    ("text", "kind", "path", "size"),
    [
        ("digits", "digits", "", None),
        ("idx:/data/mnist", "idx", "/data/mnist", None),
        ("folder:/data/my photos", "folder", "/data/my photos", None),
        ("folder:/data/photos@224", "folder", "/data/photos", (224, 224)),
        ("folder:/data/photos@96x128", "folder", "/data/photos", (96, 128)),
        (r"folder:C:\photos@32", "folder", r"C:\photos", (32, 32)),
        ("folder:/data/me@home/photos", "folder", "/data/me@home/photos", None),
        ("folder:/data/v@2/", "folder", "/data/v@2/", None),
        ("folder:/data/v@2@64", "folder", "/data/v@2", (64, 64)),
        ("npz:/data/a@b:c.npz", "npz", "/data/a@b:c.npz", None),
        ("torchvision:MNIST", "torchvision", "MNIST", None),
        (r"torchvision:MNIST:C:\data@2", "torchvision", r"MNIST:C:\data@2", None),
    ],
)
def test_parsing(text: str, kind: str, path: str, size: tuple[int, int] | None) -> None:
    assert parse_address(text) == check_address(text) == Address(text, kind, path, size)


ALPHABET = st.characters(categories=["L", "N", "P", "S", "Zs"]).filter(str.isprintable)


@given(
    path=st.text(ALPHABET, min_size=1).filter(lambda path: path.strip()),
    size=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
)
def test_any_path_comes_back_in_front_of_a_size(path: str, size: tuple[int, int]) -> None:
    address = parse_address(f"folder:{path}@{size[0]}x{size[1]}")
    assert (address.path, address.size) == (path, size)


@given(st.text())
def test_any_text_is_an_address_or_an_error_of_ours(text: str) -> None:
    try:
        address = parse_address(text)
    except ArchbuilderError as error:
        assert str(error).isprintable()  # noqa: PT017 - what is printed of any text is the property
    else:
        assert address.text == text


BASE = Path("/studies").absolute()


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("digits", "digits"),
        ("idx:mnist", f"idx:{BASE / 'mnist'}"),
        ("idx:/data/mnist", f"idx:{Path('/data/mnist').absolute()}"),
        ("folder:photos@224", f"folder:{BASE / 'photos'}@224x224"),
        ("folder:v@2/", f"folder:{BASE / 'v@2'}/"),
        ("folder:scans@64@bands", f"folder:{BASE / 'scans'}@64x64@bands"),
        ("folder:x@bands/@bands", f"folder:{BASE / 'x@bands'}/@bands"),
        ("torchvision:MNIST:sets", f"torchvision:MNIST:{BASE / 'sets'}"),
        ("torchvision:MNIST", f"torchvision:MNIST:{BASE / 'data'}"),
        ("torchvision:MNIST:", f"torchvision:MNIST:{BASE / 'data'}"),
    ],
)
def test_relative_paths_start_from_the_base(text: str, whole: str) -> None:
    address = parse_address(text, BASE)
    assert address.text == whole
    assert parse_address(whole) == address  # the text names the same data set from anywhere
    assert parse_address(text).text == text


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert parse_address("idx:~/mnist").expanded_path == tmp_path / "mnist"
    assert parse_address("idx:~/mnist", BASE).text == f"idx:{tmp_path / 'mnist'}"
    assert parse_address("idx:~nobody-of-this-name/mnist").expanded_path == Path("~nobody-of-this-name/mnist")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("digit", r"^unknown data set 'digit'; did you mean digits\? \(forms: cifar10:PATH, .*torchvision:NAME"),
        ("Folder:/x", r"^unknown data set 'Folder'; did you mean folder\?"),
        ("", r"^unknown data set '' \(forms: cifar10:PATH, "),
        ("/data/photos", r"^'/data/photos' does not say its format; did you mean folder:/data/photos\? \(forms"),
        ("./photos", r"did you mean folder:\./photos\?"),
        (r"C:\photos", r"did you mean folder:C:\\photos\?"),
        ("sets/blood.npz", r"did you mean npz:sets/blood\.npz\?"),
        ("idx", r"^'idx': no path is given, expected idx:PATH$"),
        ("folder:", r"^'folder:': no path is given, expected folder:PATH\[@SIZE\]\[@gray\|@rgb\|@bands\]$"),
        ("folder:@224", r"^'folder:@224': no path is given"),
        ("folder@224", r"^'folder@224': folder needs a path: folder:PATH@224"),
        ("torchvision:", r"no name is given, expected torchvision:NAME\[:ROOT\], such as torchvision:MNIST$"),
        ("digits:/data", r"^'digits:/data': digits takes no path"),
        ("digits@16", r"^'digits@16': digits takes no size, found @16"),
        (
            "idx:/data/mnist@32",
            r"idx:PATH takes no size, found @32; if the path itself ends in it, append a slash",
        ),
        ("folder:/data@0", r"found the size @0, expected 1 to 4,096 pixels a side"),
        ("folder:/data@32x9999", r"found the size @32x9999, expected 1 to 4,096"),
        ("folder:/data\x1b[31m", r"^the data set 'folder:/data\\x1b\[31m' contains an unprintable character$"),
    ],
)
def test_what_is_no_address(text: str, message: str) -> None:
    with pytest.raises(ArchbuilderError, match=message):
        check_address(text)


def test_only_torchvision_downloads() -> None:
    with pytest.raises(ArchbuilderError, match=r"^digits: there is nothing to download: only torchvision:NAME"):
        load_data("digits", download=True)


@pytest.mark.parametrize("kind", ["idx", "cifar10", "cifar100", "folder", "npz"])
def test_what_is_not_there(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match=rf"^{kind}:.*: no such (file|folder|file or folder): .*nowhere"):
        load_data(f"{kind}:{tmp_path / 'nowhere'}")


@pytest.mark.parametrize("kind", ["idx", "folder"])
def test_a_file_where_a_folder_is_expected(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchbuilderError, match=r"found a file, expected a folder: .*file"):
        load_data(f"{kind}:{tmp_path / 'file'}")
    with pytest.raises(ArchbuilderError, match=rf"no such folder: .*x/y \({tmp_path} exists\)$"):
        load_data(f"{kind}:{tmp_path / 'x' / 'y'}")
