"""Make the module that `module:factory` names."""

import inspect
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from archbuilder.errors import ArchbuilderError, did_you_mean
from archbuilder.importing.faults import ModuleError, user_line
from archbuilder.plugins import load_plugin


def made_module(name: str) -> nn.Module:
    """Import a module or a file, call what it names in it, and return the torch module.

    Args:
        name: `package.module:factory`, or `file.py:factory`: a function or class that needs no arguments, or a module.

    Raises:
        ArchbuilderError: There is none, it raises an exception, it needs arguments, or gives something else.
    """
    where, _, attribute = name.rpartition(":")
    if not where or not attribute:
        raise ModuleError(
            f"found {name!r}, expected MODULE:FACTORY, such as torchvision.models:resnet18 or net.py:make"
        )
    if Path(where).suffix in (".pt", ".pt2", ".pth"):
        raise ModuleError(
            f"{where}: a saved program or checkpoint has no Python code to follow; name the code: MODULE:FACTORY"
        )
    value: Any = _imported(where)
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ModuleError(
                f"{where} has no {part!r}{did_you_mean(part, [n for n in dir(value) if not n.startswith('_')])}"
            )
        value = getattr(value, part)
    if isinstance(value, nn.Module):
        return value
    if not callable(value):
        raise ModuleError(f"{name} is {_article(value)}, expected a function or class that makes a torch.nn.Module")
    if needed := _needed(value):
        raise ModuleError(
            f"{name} needs arguments: {', '.join(needed)}\n"
            f"  write a function without arguments and name that: def make(): return {attribute}({needed[0]}=...)"
        )
    try:
        module = value()
    except ArchbuilderError:
        raise
    except (Exception, SystemExit) as error:
        line = user_line(error)
        place = f" ({line.file}:{line.number})" if line else ""
        raise ModuleError(f"{name} raised {type(error).__name__}: {error}{place}") from error
    if not isinstance(module, nn.Module):
        raise ModuleError(f"{name} gave {_article(module)}, expected a torch.nn.Module")
    return module


def _imported(where: str) -> Any:
    """Import a module by name, from the working folder too, or a file by its path."""
    is_file = where.endswith(".py") or "/" in where
    folder = str(Path(where).expanduser().resolve().parent if is_file else Path.cwd())
    sys.path.insert(0, folder)  # for what the code imports from beside it
    try:
        if is_file:
            load_plugin(where)
            return sys.modules[Path(where).stem]
        return import_module(where)
    except ArchbuilderError as error:
        raise ModuleError(str(error).replace("the plugin ", "", 1)) from error
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and where.startswith(str(error.name))
        line = None if missing else user_line(error)
        place = f" ({line.file}:{line.number})" if line else ""
        advice = (
            f"no module {where.partition('.')[0]!r} is installed"
            if missing
            else f"{type(error).__name__}: {error}{place}"
        )
        raise ModuleError(f"{where} cannot be imported: {advice}") from error
    finally:
        sys.path.remove(folder)


def _needed(value: Any) -> list[str]:
    """Return the arguments that a callable cannot do without."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return []
    named = (each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD))
    return [each.name for each in named if each.default is each.empty]


def _article(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
