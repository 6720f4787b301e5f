"""What a user imports: `archbuilder.__all__`, imported when it is used."""

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import archbuilder

if TYPE_CHECKING:
    from types import ModuleType


@pytest.mark.parametrize("name", archbuilder.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(archbuilder, name)
    assert name in dir(archbuilder)
    if name != "__version__":
        assert (value.__doc__ or "").strip()
        assert value.__name__ == name


def test_all_is_what_can_be_imported_lazily_and_what_is_defined_here() -> None:
    own = {"ArchbuilderError", "Problem", "SpecError", "__version__", "load"}
    assert {*archbuilder._MODULE_OF, *own} == {*archbuilder.__all__}


def test_a_name_that_is_not_there_is_no_attribute() -> None:
    module: ModuleType = archbuilder
    with pytest.raises(AttributeError, match="module 'archbuilder' has no attribute 'nothing'"):
        _ = module.nothing


def test_the_import_waits_for_nothing_heavy() -> None:
    code = (
        "import archbuilder, sys; archbuilder.load('googlenet'); print({'torch', 'optuna', 'numpy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
