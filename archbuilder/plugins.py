"""Declarations from outside the package: primitives, merges, lint rules, quantities of budgets, data formats.

A plugin is a Python module, or a file, that calls `archbuilder.register`. It runs only where the user names it: on the
command line (`--plugin`), in the environment (`ARCHBUILDER_PLUGINS`), by an installed package's entry point, or by an
import in Python. Nothing in a spec or a study can cause it.
"""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TypeVar

from archbuilder.costs.quantities import QUANTITIES, Quantity
from archbuilder.errors import ArchbuilderError
from archbuilder.primitives import MERGES, PRIMITIVES, Merge, Primitive

ENVIRONMENT = "ARCHBUILDER_PLUGINS"
"""The environment variable that names plugins, separated as in PATH."""

GROUP = "archbuilder.plugins"
"""The group of entry points of installed packages, each a module."""

_T = TypeVar("_T")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def register(declaration: _T) -> _T:
    """Add a primitive, a merge, a lint rule, a quantity, an importance or a data format; or decorate a class.

    Args:
        declaration: A subclass of `Primitive` or `Merge` with a `type`, a `Rule`, a `Quantity`,
            an `Importance`, or a `Format` of `archbuilder.data`.

    Returns:
        The declaration.

    Raises:
        ArchbuilderError: The name is taken or invalid, or the declaration is of another type.
    """
    if isinstance(declaration, type) and issubclass(declaration, Primitive | Merge) and "type" in vars(declaration):
        table: dict[str, Any] = PRIMITIVES if issubclass(declaration, Primitive) else MERGES
        _add_type(table, declaration.type, declaration)
        return declaration
    from archbuilder.lint import RULES, Rule  # noqa: PLC0415 - most plugins have no rules

    if isinstance(declaration, Rule):
        if RULES.setdefault(declaration.code, declaration) is not declaration:
            raise ArchbuilderError(f"the lint rule {declaration.code} is taken: {RULES[declaration.code].name}")
        return declaration
    data = sys.modules.get("archbuilder.data.format")  # loaded, as it imports torch, only if a plugin declares a format
    if data is not None and isinstance(declaration, data.Format):
        from archbuilder.data.sources import add_format  # noqa: PLC0415

        add_format(declaration)
        return declaration
    pruning = sys.modules.get("archbuilder.pruning.importance")
    if pruning is not None and isinstance(declaration, pruning.Importance):
        if pruning.IMPORTANCES.setdefault(declaration.name, declaration) is not declaration:
            raise ArchbuilderError(f"the importance {declaration.name} is taken")
        return declaration
    if isinstance(declaration, Quantity):
        _add_quantity(declaration)
        return declaration
    raise ArchbuilderError(
        f"cannot register {declaration!r}: expected a primitive or a merge (a class with a `type`), a lint rule, a "
        "quantity, an importance or a data format"
    )


def _add_quantity(quantity: Quantity) -> None:
    """Add a quantity; raise an error if its name is invalid or taken, or if the keys of budgets have been defined."""
    if not _NAME.fullmatch(quantity.name):
        raise ArchbuilderError(f"the quantity {quantity.name!r} is no name: use lower-case letters, digits and _")
    if quantity.name in {*QUANTITIES, "flops", "within"}:
        raise ArchbuilderError(f"the quantity {quantity.name!r} is taken; choose another name")
    if quantity.count is None:
        raise ArchbuilderError(f"the quantity {quantity.name!r} has no count: a function that computes it from a plan")
    if "archbuilder.budgets.budget" in sys.modules:
        raise ArchbuilderError(f"register the quantity {quantity.name!r} before studies are used: they have budgets")
    QUANTITIES[quantity.name] = quantity


def _add_type(table: dict[str, Any], name: str, declaration: Any) -> None:
    """Add a class to a table; raise an error if its name is invalid or taken."""
    from archbuilder.spec.blocks import shipped_blocks  # noqa: PLC0415 - reads files

    if not _NAME.fullmatch(name):
        raise ArchbuilderError(f"the type {name!r} is no name: use lower-case letters, digits and _")
    taken_by = next((kind for kind, names in _taken(shipped_blocks()).items() if name in names), None)
    if taken_by and table.get(name) is not declaration:
        raise ArchbuilderError(f"the type {name!r} is taken: it is a {taken_by}; choose another name")
    table[name] = declaration


def _taken(blocks: Iterable[str]) -> dict[str, Iterable[str]]:
    return {"primitive": PRIMITIVES, "merge": MERGES, "shipped block": blocks, "key of the language": ("sequence",)}


def load_plugin(name: str) -> None:
    """Import a plugin: a module by its name, or a file by its path.

    Raises:
        ArchbuilderError: The plugin does not exist, or raises an exception.
    """
    try:
        if _is_file(name):
            _import_file(Path(name).expanduser().resolve())
        else:
            import_module(name)
    except ArchbuilderError as error:
        raise ArchbuilderError(f"the plugin {name}: {error}") from error
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == name
        advice = (
            f"no module {name!r} is installed; write a path to load a file"
            if missing
            else f"{type(error).__name__}: {error}"
        )
        raise ArchbuilderError(f"the plugin {name} cannot be loaded: {advice}") from error


def _import_file(path: Path) -> None:
    """Import a file as a module named after it, so that its definitions can be found by name and pickled."""
    if not path.is_file():
        raise ArchbuilderError("there is no such file")
    loaded = sys.modules.get(path.stem)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(path):
            return
        raise ArchbuilderError(f"the module {path.stem!r} is loaded already; give the file another name")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise


def load_plugins(names: Sequence[str] = ()) -> None:
    """Import plugins by name, those of the environment and those of installed packages; each once.

    The names are added to the environment, so that processes which are started later load them too.

    Raises:
        ArchbuilderError: A plugin cannot be loaded.
    """
    named = [name for name in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if name]
    for name in (*named, *names):
        load_plugin(name)
    paths_or_names = [str(Path(name).resolve()) if _is_file(name) else name for name in names]
    if paths_or_names:
        os.environ[ENVIRONMENT] = os.pathsep.join(dict.fromkeys([*named, *paths_or_names]))
    for entry in entry_points(group=GROUP):
        load_plugin(entry.value)


def _is_file(name: str) -> bool:
    return name.endswith(".py") or os.sep in name
