"""What the lines of a space mean: which widths and other keys each is about, and which values these may have."""

from collections.abc import Iterator, Mapping, Sequence

from archbuilder.errors import ArchbuilderError, Problem, SpecError
from archbuilder.network_spec import NetworkSpec
from archbuilder.plan.globs import GlobError, match_names
from archbuilder.plan.paths import Paths
from archbuilder.study.hyperparameters import Hyperparameter, Value, tied_rows, values_text
from archbuilder.study.rules import Choices, Line, Scale
from archbuilder.study.space import Space, settings_of

_SHOWN = 3  # names that a message lists


def make_space(lines: list[Line], spec: NetworkSpec, problems: list[Problem]) -> Space | None:
    """Make the space that the lines of a study mean.

    Where several lines match a name the last of them decides, as in a .gitignore: a line for many widths may be
    followed by exceptions. A line of which nothing is left is a mistake. What is wrong is added to `problems`.
    """
    keys = [path for path in Paths(spec.document).settable() if path not in spec.widths]
    owners = _owners(lines, spec, keys, problems)
    found: list[Hyperparameter] = []
    for line in lines:
        names = [name for name in [*spec.widths, *keys] if owners.get(name) is line]
        widths = {name: spec.widths[name] for name in names if name in spec.widths}
        paths = [name for name in names if name not in spec.widths]
        try:
            found += _width_parameters(line, widths) if widths else []
            found += _choice_parameters(line, paths, spec) if paths else []
        except SpecError as error:
            problems += error.problems
    order = {name: number for number, name in enumerate([*spec.widths, *keys])}
    found.sort(key=lambda parameter: order[parameter.names[0]])
    return Space(tuple(found)) if found else None


def _width_parameters(line: Line, baseline: Mapping[str, int]) -> list[Hyperparameter]:
    """Return the hyperparameters of a line for some widths; raise a SpecError if it leaves one of them no value."""
    rule, names = line.rule, tuple(baseline)
    if isinstance(rule, Choices) and (wrong := rule.problem(names[0])) is not None:
        raise SpecError([line.problem(wrong)])
    widths = {name: rule.widths(width) for name, width in baseline.items()}
    if isinstance(rule, Scale) and (empty := [name for name, allowed in widths.items() if not allowed]):
        shown = ", ".join(f"{name} ({rule.arithmetic(baseline[name])})" for name in empty[:_SHOWN])
        more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
        raise SpecError([line.problem(f"leaves no width for {shown}{more}", "widths are multiples within the range")])
    multiple = rule.multiple_of if isinstance(rule, Scale) else 1
    if not rule.tie or len(names) == 1:
        return [Hyperparameter(name, allowed, (name,), multiple_of=multiple) for name, allowed in widths.items()]
    allowed = list(widths.values())
    if isinstance(rule, Choices) or len(set(baseline.values())) == 1:
        return [Hyperparameter(line.pattern, allowed[0], names, multiple_of=multiple)]
    rows = tied_rows(list(baseline.values()), allowed)
    return [Hyperparameter(line.pattern, range(len(rows)), names, tied=rows, multiple_of=multiple)]


def _choice_parameters(line: Line, paths: list[str], spec: NetworkSpec) -> list[Hyperparameter]:
    """Return the hyperparameters of a line for keys that are no widths; raise a SpecError if one lacks a choice."""
    if isinstance(line.rule, Scale):
        message = f"found a scale, but {paths[0]} is not a width: expected choices, such as [1, 2, 3]"
        raise SpecError([line.problem(message)])
    choices, is_tied = line.rule.choices, line.rule.tie and len(paths) > 1
    groups = [tuple(paths)] if is_tied else [(path,) for path in paths]
    wrong = dict.fromkeys(_invalid(choices, groups, spec))
    if wrong:
        raise SpecError([line.problem(message) for message in list(wrong)[:_SHOWN]])
    return [Hyperparameter(line.pattern if is_tied else paths[0], choices, paths, is_width=False) for paths in groups]


def _invalid(choices: Sequence[Value], groups: Sequence[tuple[str, ...]], spec: NetworkSpec) -> Iterator[str]:
    """Say which choices make no network of the spec as it is otherwise, alone or together: each would be lost."""
    baseline = settings_of(spec, [path for paths in groups for path in paths])
    for choice in choices:
        together = tuple(path for paths in groups for path in paths if baseline.get(path) != choice)
        if _reason(spec, together, choice) is None:
            continue
        for paths in groups:
            reason = _reason(spec, paths, choice)
            if reason is not None:
                yield (
                    reason
                    if paths[0] in reason
                    else f"{paths[0]}: {values_text([choice])} is not a valid network: {reason}"
                )


def _reason(spec: NetworkSpec, paths: tuple[str, ...], choice: Value) -> str | None:
    """Say why a spec is invalid with a choice; None if it is not."""
    try:
        spec.set(dict.fromkeys(paths, choice))
    except SpecError as error:
        return error.problems[0].message
    except ArchbuilderError as error:
        return str(error)
    return None


def _owners(lines: list[Line], spec: NetworkSpec, keys: Sequence[str], problems: list[Problem]) -> dict[str, Line]:
    """Return the line that decides about each width, and about each key that is no width."""
    heads = {head.name for head in spec.plan().heads}
    widths = [name for name in spec.widths if name.partition(".")[0] not in heads]
    others = [name for name in spec.widths if name.partition(".")[0] in heads]
    owners: dict[str, Line] = {}
    matched: list[tuple[Line, tuple[str, ...]]] = []
    for line in lines:
        try:
            match = match_names(line.pattern, widths, [*others, *keys])
        except GlobError as error:
            problems.append(line.problem(f"cannot be read: {error}"))
            continue
        problems += [line.problem(f"{word!r} matches no width of {spec.name}{hint}") for word, hint in match.idle]
        owners.update(dict.fromkeys(match.names, line))
        matched.append((line, match.names))
    for line, names in matched:
        if names and not any(owners[name] is line for name in names):
            by = owners[names[0]]
            message = f"has no effect: line {by.where.line} matches {names[0]} too, and the later line counts"
            note = "put general lines first and their exceptions after them"
            problems.append(line.problem(message, note, related=(by.where,)))
    return owners
