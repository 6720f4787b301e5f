import keyword

import pytest
import torch
from torch import nn

from archbuilder.spec.names import RESERVED, name_fault

PUBLIC = sorted(name for name in dir(nn.Module()) if not name.startswith("_"))


@pytest.mark.parametrize("name", PUBLIC)
def test_whatever_a_module_has_is_refused(name: str) -> None:
    fault = name_fault(name)
    assert fault is not None
    assert f"{name!r} is reserved" in fault


def test_nothing_else_is_reserved() -> None:
    """Older versions of torch have fewer names, so that this one compares in one direction alone."""
    left_over = RESERVED - set(PUBLIC)
    assert all(not hasattr(nn.Module(), name) for name in left_over)
    assert len(left_over) <= 5


@pytest.mark.parametrize(
    "name", ["conv1", "Conv_1", "inception4a", "1", "3x3", "a-b", "x" * 100, "cnn", "bias", "weight"]
)
def test_ordinary_names_are_good(name: str) -> None:
    assert name_fault(name) is None
    parent = nn.Module()
    parent.add_module(name, nn.Identity())  # and torch agrees
    assert isinstance(parent.get_submodule(name), nn.Identity)


def test_whatever_an_exported_module_has_is_refused() -> None:
    exported = torch.export.export(nn.Identity(), (torch.zeros(1),)).module()
    names = {name for name in dir(exported) if not name.startswith("_")} - RESERVED
    assert [name for name in names if "is reserved" not in str(name_fault(name))] == []


@pytest.mark.parametrize("name", keyword.kwlist)
def test_what_torch_could_not_export_is_refused(name: str) -> None:
    fault = name_fault(name)
    assert fault is not None
    assert fault == f"{name!r} is a Python keyword: torch.export writes names as Python code"


@pytest.mark.parametrize("name", ["", " ", "a.b", "a b", "a\n", "é", "-a", "x" * 101, "a/b"])
def test_names_that_are_no_keys_are_refused(name: str) -> None:
    fault = name_fault(name)
    assert fault is not None
    assert "is not a valid name: use only letters, digits, _ and -" in fault


@pytest.mark.parametrize("name", [None, 3, 1.5, True, ["a"], {"a": 1}])
def test_what_is_no_word_is_no_name(name: object) -> None:
    assert name_fault(name) == "a name must be a string"
