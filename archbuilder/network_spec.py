"""What `import archbuilder` gives: a spec, and everything that can be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archbuilder.errors import ArchbuilderError, Source, raise_if_any
from archbuilder.plan.causes import brought_out
from archbuilder.plan.checked import read_checked
from archbuilder.plan.plan import Plan, Site
from archbuilder.plan.planner import try_plan
from archbuilder.spec.document import SpecDocument, open_spec
from archbuilder.spec.nodes import describe_value

if TYPE_CHECKING:
    from archbuilder.costs.function import CostFunction
    from archbuilder.modules import Network
    from archbuilder.plan.keys import Keys


class NetworkSpec:
    """A network as a YAML file says it: checked, immutable, and torch-free until it is built.

    Attributes:
        document: The text and what it says.
    """

    def __init__(self, document: SpecDocument, plan: Plan) -> None:
        """Use `archbuilder.load`, `from_text` or `from_dict` instead."""
        self.document = document
        self._plan = plan

    @classmethod
    def load(cls, name_or_path: str | Path) -> NetworkSpec:
        """Read and check a spec file, or a shipped spec by name.

        Raises:
            SpecError: The spec is wrong; with every problem found and where.
            ArchbuilderError: The file is missing or is not text.
        """
        return cls.from_source(open_spec(name_or_path))

    @classmethod
    def from_text(cls, text: str, name: str = "<text>") -> NetworkSpec:
        """Read and check a spec that is a text; `name` is what errors call it.

        Raises:
            SpecError: The spec is wrong.
        """
        return cls.from_source(Source(name, text))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkSpec:
        """Check a spec that is built in Python: the mapping that the YAML file would be.

        Raises:
            SpecError: The spec is wrong; its places are those of the YAML text it becomes.
        """
        from archbuilder.spec.emitter import to_yaml  # noqa: PLC0415 - files need no emitter

        return cls.from_source(Source("<python>", to_yaml(values)))

    @classmethod
    def from_source(cls, source: Source) -> NetworkSpec:
        """Check a spec that has been read; what it extends or includes lies beside the source's path.

        Raises:
            SpecError: The spec is wrong.
        """
        return cls(*read_checked(source))

    @property
    def name(self) -> str:
        """The network's name."""
        return self._plan.name

    @property
    def description(self) -> str:
        """What the network is, and whose."""
        return self.document.header.description

    @property
    def text(self) -> str:
        """The YAML text."""
        return self.document.source.text

    @property
    def sites(self) -> Mapping[str, Site]:
        """The searchable widths by name."""
        return self._plan.sites

    @cached_property
    def widths(self) -> dict[str, int]:
        """The value of every searchable width by its site's name."""
        return {name: site.value for name, site in self.sites.items()}

    def plan(self) -> Plan:
        """Give the plan: every op's name, shapes, parameters and MACs. No torch is imported."""
        return self._plan

    def with_widths(self, widths: Mapping[str, int]) -> NetworkSpec:
        """Give a spec with some widths changed; every `in` after them follows, comments and layout stay.

        Args:
            widths: New widths by site name, such as `{"inception4e.3x3": 256}`.

        Raises:
            SpecError: A site does not exist, or the network cannot be with these widths.
            ArchbuilderError: A width is no whole number, or is shared through a YAML alias and cannot change alone.
        """
        from archbuilder.plan.rewrite import with_widths  # noqa: PLC0415 - checking a file writes nothing

        document = with_widths(self.document, {name: _whole(name, width) for name, width in widths.items()})
        plan, problems = try_plan(document)
        raise_if_any(brought_out(document, problems))
        assert plan is not None
        return NetworkSpec(document, plan)

    def renamed(self, name: str) -> NetworkSpec:
        """Give the same network by another name; comments and layout stay.

        Raises:
            SpecError: It cannot be a name.
        """
        from archbuilder.spec.edit import set_name  # noqa: PLC0415 - checking a file writes nothing

        return NetworkSpec.from_source(set_name(self.document.source, name))

    def value(self, path: str) -> int | str:
        """Give what a layer says, or means without saying it: `stem.kernel`, `stage2.repeat`, `inception4a.type`.

        Args:
            path: The layer's full name and one of its keys, as `with_values` has them.

        Raises:
            SpecError: There is no such layer or key; it is a width, a list, a `$` value or a number with a point; or
                it is neither written nor has a default.
        """
        from archbuilder.plan.values import value_at  # noqa: PLC0415 - checking a file asks for no values

        return value_at(self._keys, path)

    def with_values(self, values: Mapping[str, int | str]) -> NetworkSpec:
        """Give a spec with other kernel sizes, repeats, types and the like; comments and layout stay.

        A path is a layer's full name and one of its keys: those of its primitive or block but the widths, and `type`,
        `repeat`, `from` and `init`; of a head also `after` and `listed`. What is a list or a `$` value in the file
        cannot be set, nor can the overrides of single repetitions.

        Every `in` follows, and so does padding: where it keeps the map as it is, so that only the stride changes its
        size, it goes on doing so. A `padding: 1` beside `kernel: 3` becomes 2 with `kernel: 5`, and a kernel of 1
        without padding gets it. That is so for `2 * padding == dilation * (kernel - 1)`; other padding stays as it is,
        as do `same` and `half`. Set the padding too to have it otherwise.

        A new `type` has to know all keys that the layer has; so widths that both types have stay as they are. What it
        needs beside them can be set along with it, widths included.

        Args:
            values: New values by path, such as `{"stem.kernel": 5, "stage2.repeat": 3, "inception4a.type": "mine"}`.

        Raises:
            SpecError: There is no such layer or key, a path is a width, a new type does not know what is written, or
                the network cannot be with these values.
            ArchbuilderError: A value is shared through a YAML alias and cannot change alone.
        """
        from archbuilder.plan.values import with_values  # noqa: PLC0415 - checking a file writes nothing

        document = with_values(self._keys, values)
        plan, problems = try_plan(document)
        raise_if_any(brought_out(document, problems))
        assert plan is not None
        return NetworkSpec(document, plan)

    @cached_property
    def _keys(self) -> Keys:
        from archbuilder.plan.keys import Keys  # noqa: PLC0415 - checking a file asks for no values

        return Keys(self.document)

    def costs(self, sites: Sequence[str] | None = None) -> CostFunction:
        """Compile what the network costs as a function of its widths: many candidates are priced at once by it.

        Args:
            sites: The sites that vary, all unless given; the others stay as they are.

        Raises:
            ArchbuilderError: There is no such site.
        """
        from archbuilder.costs.function import CostFunction  # noqa: PLC0415 - checking a file needs no NumPy

        return CostFunction(self.document, sites)

    def build(self, *, aux: bool = True, initialized: bool = True) -> Network:
        """Build the network as an ordinary `torch.nn.Module`.

        Args:
            aux: Whether the auxiliary heads are built. With them, training returns a named tuple
                `(logits, aux2, aux1)`, deepest first; evaluation returns the logits alone.
            initialized: Whether weights are initialized; leave it out when a state dict is loaded next.
        """
        from archbuilder.modules import build_network  # noqa: PLC0415 - torch is imported when it is needed

        return build_network(self._plan, aux=aux, initialized=initialized)

    def save(self, path: str | Path) -> None:
        """Write the spec as YAML, whole or not at all, comments and layout as they are.

        A spec that extends or includes files of its own folder keeps doing so where it is saved beside them; elsewhere
        all of it is written out, without comments.

        Raises:
            ArchbuilderError: The file cannot be written.
        """
        from archbuilder.spec.writing import write_text  # noqa: PLC0415 - checking a file writes nothing

        source, target = self.document.source.path, Path(path)
        beside = source is not None and source.resolve().parent == target.resolve().parent
        write_text(target, self.text if beside else self.document.standalone_text)

    def __repr__(self) -> str:
        plan = self._plan
        return (
            f"NetworkSpec({plan.name!r}: {len(plan.layers)} layers, {plan.parameters:,} parameters, {plan.macs:,} MACs)"
        )


def _whole(name: str, width: Any) -> int:
    """Give a width as Python's own whole number; those of NumPy are whole numbers too."""
    try:
        if not isinstance(width, bool):
            return index(width)
    except TypeError:
        pass
    raise ArchbuilderError(f"{name}: found {describe_value(width)}, expected an integer")
