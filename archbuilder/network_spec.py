"""NetworkSpec: a spec with its plan, costs and network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from archbuilder.errors import ArchbuilderError, Source, raise_if_any
from archbuilder.plan.causes import located_at_causes
from archbuilder.plan.checked import read_checked
from archbuilder.plan.plan import Plan, SearchableWidth
from archbuilder.plan.planner import try_plan
from archbuilder.spec.document import SpecDocument, open_spec

if TYPE_CHECKING:
    from archbuilder.costs.function import CostFunction
    from archbuilder.inference import InferenceNetwork
    from archbuilder.modules import Network
    from archbuilder.plan.paths import Paths


class NetworkSpec:
    """A network that a YAML file describes: checked, immutable, and without torch until it is built.

    Attributes:
        document: The text and its content.
    """

    def __init__(self, document: SpecDocument, plan: Plan) -> None:
        """Use `archbuilder.load`, `from_text` or `from_dict` instead."""
        self.document = document
        self._plan = plan

    @classmethod
    def load(cls, name_or_path: str | Path) -> NetworkSpec:
        """Read and check a spec file, a shipped spec by name, or the spec of a run's folder or of a checkpoint.

        Raises:
            SpecError: The spec is wrong; with every problem found and where.
            ArchbuilderError: The file is missing, is not text, or holds no spec.
        """
        return cls.from_source(open_spec(name_or_path))

    @classmethod
    def from_text(cls, text: str, name: str = "<text>") -> NetworkSpec:
        """Read and check a spec given as a string; errors refer to it by `name`.

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
        """What the network is, and its source."""
        return self.document.header.description

    @property
    def text(self) -> str:
        """The YAML text."""
        return self.document.source.text

    @property
    def searchable_widths(self) -> Mapping[str, SearchableWidth]:
        """The searchable widths by name: values, defaults and places in the file."""
        return self._plan.searchable_widths

    @cached_property
    def widths(self) -> dict[str, int]:
        """The value of every searchable width by name."""
        return {name: width.value for name, width in self.searchable_widths.items()}

    def plan(self) -> Plan:
        """Return the plan: every op's name, shapes, parameters and MACs. No torch is imported."""
        return self._plan

    def renamed(self, name: str) -> NetworkSpec:
        """Return the same network with another name; comments and layout are kept.

        Raises:
            SpecError: The name is invalid.
        """
        from archbuilder.spec.edit import set_name  # noqa: PLC0415 - checking a file writes nothing

        return NetworkSpec.from_source(set_name(self.document.source, name))

    def value(self, path: str) -> Any:
        """Return a width or the value of another key, or its default: `stem.kernel`, `stage2.repeat`.

        Args:
            path: A layer's full name and one of its keys, as `set` has them.

        Returns:
            An integer, float, boolean or string, or a list of these, as the file would write it.

        Raises:
            SpecError: The spec has no such layer or key, or the key is a `$` value or has no value and no default.
        """
        from archbuilder.plan.setting import value_at  # noqa: PLC0415 - checking a file asks for no values

        return value_at(self._paths, path)

    def set(self, values: Mapping[str, Any]) -> NetworkSpec:
        """Return a spec with new widths, kernels, repeats, types and other values; comments and layout are kept.

        A path is a layer's full name and one of its keys: those of its primitive or block, and `type`, `repeat`,
        `from` and `init`; of a head also `after`, `loss_weight` and `listed`. A width of an override of a repeated
        layer has its position too: `stage1.0.out`. What is a `$` value in the file cannot be set, nor can the number
        of classes, nor other overrides.

        Every `in` follows. Padding that keeps the map size (`2 * padding == dilation * (kernel - 1)`) follows a new
        kernel or dilation: `padding: 1` with `kernel: 3` becomes 2 with `kernel: 5`, also where a kernel of 1 had no
        padding. Other padding does not change, nor do `same` and `half`. Set the padding too to override this.

        A new `type` must have all keys of the layer; widths that both types have are kept. Other keys that it needs,
        including widths, can be set in the same call.

        Args:
            values: New values by path: integers, floats, booleans, strings, and lists of these, such as
                `{"inception4e.3x3": 256, "stem.kernel": [3, 1], "stage2.repeat": 3, "inception4a.type": "mine"}`.

        Raises:
            SpecError: The spec has no such layer or key, a new type lacks keys of the layer, or the network is invalid
                with these values; with every problem found.
            ArchbuilderError: A value is shared through a YAML alias and cannot change alone.
        """
        from archbuilder.plan.setting import updated  # noqa: PLC0415 - checking a file writes nothing

        document = updated(self._paths, values)
        plan, problems = try_plan(document)
        raise_if_any(located_at_causes(document, problems))
        assert plan is not None
        return NetworkSpec(document, plan)

    @cached_property
    def _paths(self) -> Paths:
        from archbuilder.plan.paths import Paths  # noqa: PLC0415 - checking a file asks for no values

        return Paths(self.document)

    def costs(self, names: Sequence[str] | None = None) -> CostFunction:
        """Compile the costs as a function of the widths, to price many candidates at once.

        Args:
            names: The names of the widths that vary, by default all; the others keep their values.

        Raises:
            ArchbuilderError: The spec has no searchable width of that name.
        """
        from archbuilder.costs.function import CostFunction  # noqa: PLC0415 - checking a file needs no NumPy

        return CostFunction(self.document, names)

    def with_classes(self, classes: int) -> NetworkSpec:
        """Return the same network for another number of classes, as its `classes` key says; the rest is kept.

        Raises:
            SpecError: The network is invalid with it, as where a layer has the old number instead of `$classes`.
        """
        from archbuilder.spec.edit import set_key  # noqa: PLC0415 - checking a file writes nothing

        return NetworkSpec.from_source(set_key(self.document.source, "classes", classes))

    @overload
    def build(
        self,
        *,
        aux: bool = True,
        initialized: bool = True,
        weights: str | Path | None = None,
        partial: bool = False,
        optimize: None = None,
    ) -> Network: ...

    @overload
    def build(
        self,
        *,
        aux: bool = True,
        initialized: bool = True,
        weights: str | Path | None = None,
        partial: bool = False,
        optimize: Literal["inference"],
        compile: bool = False,
    ) -> InferenceNetwork: ...

    def build(
        self,
        *,
        aux: bool = True,
        initialized: bool = True,
        weights: str | Path | None = None,
        partial: bool = False,
        optimize: str | None = None,
        compile: bool = False,
    ) -> Network | InferenceNetwork:
        """Build the network as an ordinary `torch.nn.Module`.

        Args:
            aux: Whether the auxiliary heads are built. With them, training returns a named tuple
                `(logits, aux2, aux1)`, deepest first; evaluation returns the logits alone.
            initialized: Whether weights are initialized; leave it out when a state dict is loaded next.
            weights: A file of weights, or a run's folder, to load; see `archbuilder.load_weights`.
            partial: Whether to load what fits of it.
            optimize: `inference` builds what `archbuilder.optimized` makes of the network, which has no heads and its
                own state-dict keys.
            compile: Whether the optimized network is compiled by `torch.compile`.

        Raises:
            ArchbuilderError: The weights cannot be read or do not fit; `optimize` is another string, or `compile` is
                given without it.
        """
        from archbuilder.modules import build_network, drop_heads  # noqa: PLC0415 - torch is imported when needed

        if optimize not in {None, "inference"}:
            raise ArchbuilderError(
                f"optimize={optimize!r} is unknown: expected 'inference', or None for a plain network"
            )
        if compile and optimize is None:
            raise ArchbuilderError("compile=True needs optimize='inference'; for training, see torch.compile")
        aux = aux and optimize is None
        if weights is None:
            network = build_network(self._plan, aux=aux, initialized=initialized)
        else:
            from archbuilder.weights import load_weights  # noqa: PLC0415

            # With the heads first, so that those of the file are known by their names.
            network = build_network(self._plan)  # initialized, as the file may lack heads and a classifier
            load_weights(network, weights, partial=partial)
            if not aux:
                drop_heads(network)
        if optimize is None:
            return network
        from archbuilder.inference import optimized  # noqa: PLC0415

        return optimized(network, compile=compile)

    def to_python(self) -> str:
        """Write the network as one Python file with torch modules, which needs torch alone.

        The state-dict keys are those of `build`, in the same order. `archbuilder.export` writes a file, with the
        weights of a run.

        Raises:
            ArchbuilderError: A layer of a plugin has no source that stands alone.
        """
        from archbuilder.python_source import python_source  # noqa: PLC0415 - checking a file writes nothing

        return python_source(self.document, self._plan).text

    def draw(
        self,
        *,
        color: str = "macs",
        depth: int | None = None,
        expand: Iterable[str] = (),
        before: NetworkSpec | None = None,
    ) -> str:
        """Draw the network as SVG; the arguments are those of `archbuilder.draw`.

        Args:
            color: What boxes are colored by: `macs` or `parameters`.
            depth: How many levels of names are drawn; by default as many as can be read.
            expand: Full names, with wildcards, of what is opened and not folded.
            before: A network to compare with.

        Returns:
            The SVG text.

        Raises:
            ArchbuilderError: A value is not one of these, or nothing has a name in `expand`.
        """
        from archbuilder.drawing.drawing import draw  # noqa: PLC0415 - checking a file draws nothing

        return draw(self, color=color, depth=depth, expand=expand, before=before)

    def _repr_html_(self) -> str:
        """Show the drawing and the costs in a notebook."""
        from archbuilder.drawing.notebook import as_html  # noqa: PLC0415 - checking a file draws nothing

        return as_html(self._plan)

    def save(self, path: str | Path) -> None:
        """Save the spec as YAML, atomically, with its comments and layout.

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
