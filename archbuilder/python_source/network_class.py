"""The class of the network: its layers and heads, and the forward pass of evaluation and training."""

from archbuilder.plan.plan import Chain, Plan, TreeNode, ops_in
from archbuilder.primitives import shape_text
from archbuilder.python_source.annotations import docstring, signature
from archbuilder.python_source.block_class import Namer
from archbuilder.python_source.channels import Channels
from archbuilder.python_source.classes import Classes
from archbuilder.python_source.constructor import Constructor
from archbuilder.python_source.expressions import value
from archbuilder.python_source.flows import Flows
from archbuilder.python_source.forward import ForwardWriter, Place, Reading
from archbuilder.python_source.initialization import initialization
from archbuilder.python_source.layout import Call, call, lines
from archbuilder.python_source.naming import LOCALS, child_access, identifier
from archbuilder.python_source.pattern import Narrow, Parallel, Part, call_of, children_of, operation
from archbuilder.python_source.scope import Scope
from archbuilder.python_source.statements import laid_out
from archbuilder.python_source.unify import unify_members

OUTPUT = "TrainingOutput"
"""The named tuple that training returns."""


class NetworkClass:
    """Writes the class of a network."""

    def __init__(self, plan: Plan, name: str, classes: Classes, flows: Flows, module_name: Namer, function: Namer):
        """Start with the classes that it uses.

        Args:
            plan: The plan.
            name: The name of the class.
            classes: The file's other classes.
            flows: The flows of the plan.
            module_name: Returns how the file writes a torch class.
            function: Returns how the file writes a torch function.
        """
        self._plan = plan
        self._name = name
        self._classes = classes
        self._flows = flows
        self._function = function
        values = {} if plan.class_count is None else {"classes": plan.class_count}
        names = {child.name for child in children_of(plan.trees)} | {head.name for head in plan.heads}
        self._constructor = Constructor(Scope([values], None, LOCALS), flows, module_name, names)
        self._members = self._pattern(plan.trees)

    def _pattern(self, nodes: tuple[TreeNode, ...]) -> list[Part]:
        return unify_members([nodes], self._classes.of)

    def text(self) -> str:
        """Write the class."""
        plan, constructor = self._plan, self._constructor
        channels = Channels(value(plan.input_shape[0]), [plan.input_shape[0]])
        outputs = {"input": channels}
        for position in range(len(plan.trees) + 1):
            for head in plan.heads:
                if head.listed_before == position:
                    tapped = self._flows.input(head.tree).shape[0]
                    constructor.children(self._pattern((head.tree,)), Channels(value(tapped), [tapped]), {}, [True])
            channels = constructor.children(self._members[position : position + 1], channels, outputs, [True])
        start = initialization(plan)
        body = [line for statement in constructor.lines for line in lines(statement.text, 2 + statement.level)]
        parameters = constructor.scope.parameters()
        for parameter in parameters:
            parameter.default = parameter.values[0]
        text = [f"class {self._name}(nn.Module):", docstring([self._description()], 1), ""]
        text += [*lines(signature(parameters), 1), "        super().__init__()", *body]
        text += ["        self._init_weights()"] if start else []
        text += ["", *self._forward()]
        text += ["", *(f"    {line}" for line in start)] if start else []
        return "\n".join(text)

    def _description(self) -> str:
        plan = self._plan
        what = "a map" if plan.class_count is None else "logits"
        heads = ", ".join(head.name for head in plan.heads_deepest_first)
        ending = f"; in training also those of the heads {heads}" if heads else ""
        shapes = f"N x {shape_text(plan.input_shape)} to {what} of N x {shape_text(plan.output_shape)}"
        return f"Maps images of {shapes}{ending}."

    def _forward(self) -> list[str]:
        plan, notes = self._plan, self._constructor.notes
        taps = {head.tapped: f"{identifier(head.name)}_input" for head in plan.heads}
        seen: set[int] = set()

        def note(op: int, writer: ForwardWriter, variable: str) -> None:
            """Keep what a head takes, once."""
            if op in taps and op not in seen:
                seen.add(op)
                writer.assign(taps[op], variable)
                writer.variables.hold(taps[op])

        def after(part: Part, writer: ForwardWriter, variable: str) -> None:
            note(self._flows.output(part.first).op, writer, variable)

        def opened(part: Part) -> list[Part] | None:
            return self._opened(part, set(taps))

        reading = Reading(notes.flags, notes.sizes, self._comment, self._function, opened, after)
        writer = ForwardWriter(reading, ["x"])
        note(self._flows.start.op, writer, "x")
        result = writer.run(self._members, "x", Place("self", {}, [True]))
        if not plan.heads:
            return ["    def forward(self, x: Tensor) -> Tensor:", *laid_out(writer.statements, 2, result)]
        heads = [call(child_access("self", head.name), taps[head.tapped]) for head in plan.heads_deepest_first]
        output = Call(f"return {OUTPUT}(", (result, *heads))
        heading = f"    def forward(self, x: Tensor) -> Tensor | {OUTPUT}:"
        ending = ["        if self.training:", *lines(output, 3), f"        return {result}"]
        return [heading, *laid_out(writer.statements, 2), *ending]

    def _comment(self, part: Part) -> str:
        before, after = self._flows.input(part.first).shape, self._flows.output(part.first).shape
        return "" if before == after and not isinstance(part, Parallel) else f"N x {shape_text(after)}"

    def _opened(self, part: Part, taps: set[int]) -> list[Part] | None:
        """Return the members of a child in which a head attaches, which are run one by one."""
        node = part.first
        if not isinstance(node, Chain):
            return None
        inside = {op.index for op in ops_in(node)} - {self._flows.output(node).op}
        if not inside & taps:
            return None
        found = self._pattern(node.members)
        self._note_sizes(found)
        return found

    def _note_sizes(self, parts: list[Part]) -> None:
        """Note the sizes of parts of a split, which are numbers where there is one instance."""
        for part in parts:
            if isinstance(part, Narrow):
                _, start, size = call_of(operation(part.first)).args
                self._constructor.notes.sizes[part] = str(start), str(size)
            elif isinstance(part, Parallel):
                for branch in part.branches:
                    self._note_sizes(branch.members)
