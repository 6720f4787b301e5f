"""The members of a module's network, with everything written out: trace, read, nest."""

import ast
import copy
import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from archbuilder.errors import ArchbuilderError
from archbuilder.importing.calls import is_declared
from archbuilder.importing.dense import nested_concatenations
from archbuilder.importing.faults import Faults, ModuleError, user_line
from archbuilder.importing.foreign import equivalent
from archbuilder.importing.operations import Reader
from archbuilder.importing.signals import Item
from archbuilder.importing.trace import Trace, trace
from archbuilder.importing.tree import CLASS, INPUT, OUTPUT, Members, TreeWriter, live
from archbuilder.primitives import shape_text


class Draft:
    """The members of a module's network, with everything written out.

    Attributes:
        layers: The members.
        heads: The members of each head, as a sequence with `after`.
        output: The shape of the output.
        notes: What is to be known.
    """

    def __init__(self, module: nn.Module, input_shape: tuple[int, ...]) -> None:
        self.notes: list[str] = []
        self.heads: list[dict[str, Any]] = []
        self.head_names: dict[str, str] = {}
        self._module, self._shape = module, input_shape
        self._keys = list(module.state_dict())
        self._faults = Faults()
        reader, recorded = self._read(training=False)
        end = self._end(reader, recorded)
        items = live(reader.items, end)
        if unused := self._unused(items):
            recorded, items, end = self._with_heads(unused)
        nested_concatenations(items)
        self.output = end.shape
        self.layers: Members = self._written(items, end, recorded.classes)
        self._write_heads()
        for path, silent in recorded.silent.items():
            if _asks_for_training(silent):
                self.notes.append(f"{path} ({type(silent).__name__}) does nothing in evaluation and is left out")
        if not self.heads:  # with heads, what training does besides is them
            own = (type(each) for each in module.modules() if not _is_leaf(each))
            self.notes += [
                f"{kind.__qualname__} ({place}) does something else in training, which the spec lacks"
                for kind in dict.fromkeys(own)
                if (place := _training_branch(kind))
            ]

    def _read(self, *, training: bool) -> tuple[Reader, Trace]:
        module = copy.deepcopy(self._module).train(training) if training else self._module.eval()
        try:
            recorded = trace(module, self._shape, _is_leaf, self._faults)
        except ArchbuilderError:
            raise
        except Exception as error:
            if not self._faults:
                what = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
                advice = f"raised for images of {shape_text(self._shape)}: give the size that the network takes"
                self._faults.add(what, user_line(error), "", (advice,))
            self._faults.raise_if_any()
        reader = Reader(recorded, module, self._faults)
        reader.read()
        return reader, recorded

    def _end(self, reader: Reader, recorded: Trace) -> Item:
        """Return the operation that gives the output."""
        self._faults.raise_if_any()
        if len(recorded.outputs) != 1:
            what = (
                f"{len(recorded.outputs)} tensors ({', '.join(recorded.outputs)})" if recorded.outputs else "no tensor"
            )
            raise ModuleError(
                f"in evaluation the module returns {what}; expected one tensor that depends on the images: a vector of "
                "classes, or a map"
            )
        end = reader.output(next(iter(recorded.outputs.values())))
        self._faults.raise_if_any()
        if end is None:
            raise ModuleError("the module returns its input, or a tensor that does not depend on it")
        return end

    def _unused(self, items: Sequence[Item]) -> list[str]:
        used = {key for item in items for key in item.keys}
        return [key for key in self._keys if key not in used]

    # -- heads -------------------------------------------------------------------------------------------------------

    def _with_heads(self, unused: list[str]) -> tuple[Trace, list[Item], Item]:
        """Look for weights that evaluation does not use in the outputs of training."""
        reader, recorded = self._read(training=True)
        self._faults.raise_if_any()
        outputs = {name: reader.output(value) for name, value in recorded.outputs.items()}
        if len(outputs) < 2 or any(each is None for each in outputs.values()):
            self._refuse_unused(unused)
        (_, end), *rest = outputs.items()
        assert end is not None
        items = live(reader.items, end)
        main = set(items)
        left = set(unused)
        for field_name, last in rest:
            assert last is not None
            own = [item for item in live(reader.items, last) if item not in main]
            names = {item.keys[0].split(".")[0] for item in own if item.keys}
            inputs = {each for item in own for each in item.inputs if each not in own}
            if len(names) != 1 or len(inputs) != 1:
                self._refuse_unused(unused)
            name = names.pop()
            if name in self.head_names:
                first = next(item for item in own if item.keys)
                self._faults.add(
                    f"the heads {self.head_names[name]} and {field_name} are both in {name}",
                    first.line,
                    name,
                    ("a head has a name of its own: hold each in an attribute, such as self.aux1 and self.aux2",),
                )
                continue
            left -= {key for item in own for key in item.keys}
            self.head_names[name] = field_name
            self.heads.append({"name": name, "items": own, "end": last, "tap": inputs.pop()})
        self._faults.raise_if_any()
        if left:
            self._refuse_unused([key for key in unused if key in left])
        return recorded, items, end

    @staticmethod
    def _refuse_unused(unused: list[str]) -> None:
        modules = list(dict.fromkeys(key.rpartition(".")[0] or key for key in unused))
        shown = ", ".join(modules[:6]) + (f" and {len(modules) - 6} more" if len(modules) > 6 else "")
        raise ModuleError(
            f"the output does not depend on the weights of {shown}\n"
            "  a spec has no layers that nothing uses: remove them from the module, or give auxiliary classifiers as "
            "further outputs of training: return (logits, aux) if self.training"
        )

    def _written(self, items: list[Item], end: Item, classes: dict[str, str]) -> Members:
        """Write the layers; where a head takes what has no name, put an identity there, which has one."""
        heads = [(head["items"], head["tap"], head["end"]) for head in self.heads]
        for _ in range(2):
            copied = _copies([*items, *(item for own, _, _ in heads for item in own)])
            for head, (own, tap, last) in zip(self.heads, heads, strict=True):
                head |= {"items": [copied[each] for each in own], "tap": copied.get(tap), "end": copied[last]}
            self._writer = TreeWriter(self._keys, classes, self._shape[0], self._faults)
            layers = self._writer.write([copied[item] for item in items], None, copied[end])
            self._faults.raise_if_any()
            lost = [tap for _, tap, _ in heads if copied.get(tap) not in self._writer.places]
            if not lost:
                break
            for tap in dict.fromkeys(lost):
                scope, shape = (copied[tap].scope, tap.shape) if tap is not None else ((), self._shape)
                named = Item("layer", {"type": "identity"}, scope, "tap", [tap], shape, input_shape=shape)
                for item in (*items, *(each for own, _, _ in heads for each in own)):
                    item.inputs = [named if each is tap else each for each in item.inputs]
                items.insert(items.index(tap) + 1 if tap is not None else 0, named)
                heads = [(own, named if each is tap else each, last) for own, each, last in heads]
                end = named if end is tap else end
        return layers

    def _write_heads(self) -> None:
        heads = sorted(self.heads, key=lambda head: [key.split(".")[0] for key in self._keys].index(head["name"]))
        self.heads = []
        for head in heads:
            tap = self._writer.places.get(head["tap"])
            if tap is None:
                raise ModuleError(
                    f"the head {head['name']} takes a value that is the output of no named layer or module"
                )
            for item in head["items"]:
                if not item.scope:
                    item.scope = (head["name"],)
            inner = self._writer.write(head["items"], head["tap"], head["end"], (head["name"],))
            self._faults.raise_if_any()
            member: dict[str, Any] = {
                "name": head["name"],
                "sequence": inner,
                "(after)": tap,
                "(listed)": self._listed(head, tap),
            }
            member |= {
                CLASS: self._writer.class_of((head["name"],)),
                INPUT: head["tap"].shape[0],
                OUTPUT: head["end"].shape,
            }
            self.heads.append(member)
        if heads:
            self.notes.append(
                "a module does not say how much the loss of a head counts: loss_weight is 0.3 unless you set it"
            )

    def _listed(self, head: dict[str, Any], tap: str) -> bool:
        """Return whether a head's keys follow those of its tap."""
        top = tap.split(".", maxsplit=1)[0]
        first = next(place for place, key in enumerate(self._keys) if key.split(".")[0] == head["name"])
        return first > 0 and self._keys[first - 1].split(".")[0] == top


def _copies(items: Sequence[Item]) -> dict[Item, Item]:
    """Return a copy of each operation, with copies as inputs."""
    copies: dict[Item, Item] = {}
    for item in items:
        inputs = [copies[each] if each is not None else None for each in item.inputs]
        copies[item] = replace(item, inputs=inputs, member=dict(item.member))
    return copies


def _asks_for_training(module: nn.Module) -> bool:
    """Return whether the code of a module depends on the mode."""
    try:
        return "training" in inspect.getsource(type(module).forward)
    except (OSError, TypeError):
        return False


def _training_branch(kind: type) -> str:
    """Return the file and line of a branch on `training` in a module's forward pass; an empty string without one."""
    try:
        lines, first = inspect.getsourcelines(kind.forward)  # type: ignore[attr-defined]
        tree = ast.parse(textwrap.dedent("".join(lines)))
        file = inspect.getsourcefile(kind) or ""
    except (AttributeError, OSError, TypeError, SyntaxError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp):
            names = {each.attr for each in ast.walk(node.test) if isinstance(each, ast.Attribute)}
            if "training" in names:
                return f"{file}:{first + node.lineno - 1}"
    return ""


def _is_leaf(module: nn.Module) -> bool:
    return is_declared(module) or equivalent(module) is not None or _is_torch(module)


_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def _is_torch(module: nn.Module) -> bool:
    """Return whether a module is torch's own and does something itself."""
    return type(module).__module__.startswith("torch.nn.") and not isinstance(module, _CONTAINERS)
