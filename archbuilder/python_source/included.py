"""The source of layers that torch lacks, taken over into the exported file with what it needs."""

import ast
import inspect
import re
import sys
from dataclasses import dataclass, field
from types import ModuleType

from archbuilder.errors import ArchbuilderError
from archbuilder.modules.calls import resolve

_COMMENT = re.compile(r"[ ]{2,}# (type: ignore|noqa)[^\n]*")


@dataclass
class Imports:
    """The imports of a file.

    Attributes:
        modules: Modules that are imported, with the name they are given, or an empty string.
        names: Names that are imported of each module, likewise.
    """

    modules: dict[str, str] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, module: str, name: str = "", alias: str = "") -> None:
        """Add a module, or a name of it."""
        if name:
            self.names.setdefault(module, {})[name] = alias
        else:
            self.modules[module] = alias

    def text(self) -> str:
        """Write them as ruff sorts them: the standard library first, `import` before `from`."""
        groups = []
        for standard in (True, False):
            plain = sorted(name for name in self.modules if _is_standard(name) is standard)
            lines = [f"import {name}{_as(self.modules[name])}" for name in plain]
            for module in sorted(name for name in self.names if _is_standard(name) is standard):
                names = self.names[module]
                listed = ", ".join(f"{name}{_as(names[name])}" for name in sorted(names, key=_case))
                lines.append(f"from {module} import {listed}")
            if lines:
                groups.append("\n".join(lines))
        return "\n\n".join(groups)


def _as(alias: str) -> str:
    return f" as {alias}" if alias else ""


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _case(name: str) -> tuple[int, str]:
    """Sort as isort does: constants, classes, then functions and modules."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2), name


class Included:
    """Definitions that are taken over.

    Attributes:
        imports: What they import.
    """

    def __init__(self) -> None:
        """Start without any."""
        self.imports = Imports()
        self._texts: dict[tuple[str, str], str] = {}
        self._open: set[tuple[str, str]] = set()

    @property
    def texts(self) -> list[str]:
        """The definitions in order, those that others need first."""
        return list(self._texts.values())

    @property
    def names(self) -> set[str]:
        """The names that they define, and that they import."""
        imported = {alias or name for names in self.imports.names.values() for name, alias in names.items()}
        modules = {alias or name.partition(".")[0] for name, alias in self.imports.modules.items()}
        return {name for _, name in self._texts} | imported | modules

    def add(self, target: str, layer: str) -> str:
        """Take over a class by its full name; return its name in the file.

        Args:
            target: The full name.
            layer: The layer that needs it, for errors.

        Raises:
            ArchbuilderError: Its source is not there, or needs archbuilder.
        """
        found = resolve(target)
        module = sys.modules[found.__module__]
        try:
            self._take(module, found.__name__)
        except (OSError, TypeError) as error:
            raise ArchbuilderError(f"{layer}: the source of {target} cannot be exported: {error}") from None
        except _NeedsArchbuilder as error:
            raise ArchbuilderError(
                f"{layer}: the source of {target} cannot be exported: it uses {error}, which is archbuilder's own; "
                "use only torch in the module's class"
            ) from None
        return str(found.__name__)

    def _take(self, module: ModuleType, name: str) -> None:
        """Take over a definition of a module, and what it refers to."""
        key = (module.__name__, name)
        if key in self._texts or key in self._open:
            return
        source = inspect.getsource(module)
        tree = ast.parse(source)
        node = next((node for node in tree.body if name in _defined(node)), None)
        if node is None:
            raise OSError(f"{module.__name__} defines no {name}")
        if any(other == name for _, other in (*self._texts, *self._open)):
            raise OSError(f"two modules define {name}")
        self._open.add(key)
        defined = {
            each
            for statement in tree.body
            if not isinstance(statement, ast.Import | ast.ImportFrom)
            for each in _defined(statement)
        }
        used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        for statement in tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._import(statement, used)
        for statement in tree.body:  # in the order of the module
            for other in _defined(statement):
                if other in used and other in defined and other != name:
                    self._take(module, other)
        self._texts[key] = _clean(source, node)

    def _import(self, statement: ast.Import | ast.ImportFrom, used: set[str]) -> None:
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            if bound not in used:
                continue
            module = statement.module or "" if isinstance(statement, ast.ImportFrom) else alias.name
            if module.partition(".")[0] == "archbuilder":
                raise _NeedsArchbuilder(f"{module}.{alias.name}" if isinstance(statement, ast.ImportFrom) else module)
            if isinstance(statement, ast.ImportFrom):
                self.imports.add(module, alias.name, alias.asname or "")
            else:
                self.imports.add(module, alias=alias.asname or "")


class _NeedsArchbuilder(Exception):  # noqa: N818 - it is turned into an error with a place
    """A definition uses something of archbuilder."""


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _clean(source: str, node: ast.stmt) -> str:
    """Return the text of a definition without its decorators and without comments for linters."""
    text = "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])
    return _COMMENT.sub("", text)
