"""The initialization of weights as Python: what `archbuilder.modules.initialize` does, in torch's functions."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from archbuilder.modules.calls import resolve
from archbuilder.plan.plan import Plan
from archbuilder.primitives import Primitive
from archbuilder.primitives.facts import NARROW, PARAMETER
from archbuilder.python_source.pattern import call_of
from archbuilder.spec.initialization import Init

_LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


class _Fill(NamedTuple):
    """How the layers of a condition are filled; no statement leaves them as they are."""

    test: str
    statement: str


def initialization(plan: Plan) -> list[str]:
    """Return the lines of a method that initializes the weights; none where each layer does so itself."""
    ops = [op for layer in plan.all_layers() for op in layer.ops if op.parameters and op.is_module]
    groups: dict[Init, list[str]] = {}
    for op in ops:
        if op.init is not None and (op.init != plan.init or op.init.type == "zeros"):  # which is for norms too
            groups.setdefault(op.init, []).append(op.name)
    if plan.init.type == "pytorch" and all(init.type == "pytorch" for init in groups):
        return []
    names = [op.name for op in ops]
    tests = {init: _test(own, names) for init, own in groups.items()}
    kept = [test for init, test in tests.items() if init.type == "pytorch"]
    filled = {init: test for init, test in tests.items() if init.type != "pytorch"}
    named = "name, module in self.named_modules()" if tests else "module in self.modules()"
    condition = " and ".join([f"isinstance(module, {_layers(plan)})", *(_negated(test) for test in kept)])
    found = ["def _init_weights(self) -> None:", f'    """Initialize the weights: {plan.init.type}."""']
    found += [f"    for {named}:", f"        if {condition}:", *_indented(_statements(filled, plan.init), 3)]
    for init, test in filled.items():
        if init.type == "zeros":  # of a norm
            found.append(f"        elif {test}:")
            found.append("            nn.init.zeros_(module.weight)")
    return found


def _layers(plan: Plan) -> str:
    """Write the classes of the layers with weights to initialize; all three where a layer may have any inside."""
    classes = set()
    for op in (op for layer in plan.all_layers() for op in layer.ops if isinstance(op.op, Primitive)):
        target = call_of(op).target
        if target not in (PARAMETER, NARROW):
            found = resolve(target)
            classes |= {kind for kind in _LAYERS if issubclass(found, kind)}
            own = target.startswith(("torch.nn.", "archbuilder."))
            classes |= set() if own else set(_LAYERS)
    return " | ".join(f"nn.{kind.__name__}" for kind in _LAYERS if kind in classes) or "nn.Conv2d | nn.Linear"


def _statements(filled: dict[Init, str], usual: Init) -> list[str]:
    """Return the statements that fill the weight and the bias of a layer."""
    inits = [*filled.items(), (usual, "")]
    apart = [(init, test) for init, test in inits if not test or _fills(init) != _fills(usual)]
    fills = [_Fill(_both(test, each.test), each.statement) for init, test in apart for each in _fills(init)]
    if fills and not fills[-1].statement:
        fills = [fill for fill in fills if fill.test]
    found = [] if len(fills) == 1 and not fills[0].test else _chain(fills)
    found = found or [fills[0].statement]
    zeros = [test for init, test in inits if not init.keeps_bias]
    if not zeros:
        return found
    keep = [test for init, test in inits if init.keeps_bias]
    whose = " and ".join(
        [_negated(test) for test in keep if test] if zeros[-1] == "" else ["(" + " or ".join(zeros) + ")"]
    )
    whose = whose.removeprefix("(").removesuffix(")") if whose and len(zeros) == 1 and zeros[0] else whose
    return [*found, f"if {_both('module.bias is not None', whose)}:", "    nn.init.zeros_(module.bias)"]


def _both(first: str, second: str) -> str:
    return " and ".join(filter(None, [first, second]))


def _chain(fills: Sequence[_Fill]) -> list[str]:
    found: list[str] = []
    for test, statement in fills:
        word = "else:" if not test else f"elif {test}:" if found else f"if {test}:"
        found += [word, f"    {statement}"]
    return found


def _negated(test: str) -> str:
    if " == " in test:
        return test.replace(" == ", " != ")
    return test.replace(" in ", " not in ") if " in " in test else f"not {test}"


def _indented(statements: Sequence[str], levels: int) -> list[str]:
    return [f"{'    ' * levels}{line}" for line in statements]


def _test(own: Sequence[str], names: Sequence[str]) -> str:
    """Write which names are meant: one, those that begin or end alike, or all by name."""
    if len(own) == 1:
        return f'name == "{own[0]}"'
    ending = _ending(own)
    if ending and [name for name in names if name.endswith(ending)] == list(own):
        return f'name.endswith("{ending}")'
    starts = {name.partition(".")[0] for name in own}
    if len(starts) == 1 and [name for name in names if name.partition(".")[0] in starts] == list(own):
        return f'name.startswith("{starts.pop()}.")'
    listed = ", ".join(f'"{name}"' for name in own)
    return f"name in {{{listed}}}"


def _ending(names: Sequence[str]) -> str:
    """Return the last parts that names have in common, with the dot before them."""
    ending = ""
    for parts in zip(*(reversed(name.split(".")) for name in names), strict=False):
        if len(set(parts)) > 1:
            break
        ending = f".{parts[0]}{ending}"
    return ending


def _fills(init: Init) -> list[_Fill]:
    """Return how weights are filled."""
    weight = "module.weight"
    match init.type:
        case "kaiming":
            kind = "uniform" if init.distribution == "uniform" else "normal"
            slope = f"a={init.a!r}, " if init.a else ""
            mode = f'mode="{init.mode or "fan_out"}", nonlinearity="{init.nonlinearity}"'
            found = f"nn.init.kaiming_{kind}_({weight}, {slope}{mode})"
            if init.mode is None:
                return [
                    _Fill("isinstance(module, nn.Linear)", f"nn.init.normal_({weight}, std=0.01)"),
                    _Fill("", found),
                ]
        case "xavier":
            kind = "normal" if init.distribution == "normal" else "uniform"
            found = f"nn.init.xavier_{kind}_({weight}{'' if init.gain == 1 else f', gain={init.gain!r}'})"
        case "truncated_normal":
            lower, upper = init.bounds
            bounds = "" if (lower, upper) == (-2.0, 2.0) else f", a={lower!r}, b={upper!r}"
            found = f"nn.init.trunc_normal_({weight}, std={init.std!r}{bounds})"
        case "normal":
            found = f"nn.init.normal_({weight}, std={init.std!r})"
        case "zeros":
            found = f"nn.init.zeros_({weight})"
        case _:
            found = ""
    return [_Fill("", found)]
