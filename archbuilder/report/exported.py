"""What an export wrote, in a line for each file."""

from archbuilder.exporting import Exported, Format
from archbuilder.numbers import plural


def exported_lines(done: Exported) -> list[str]:
    """Return a line for each file that was written."""
    rows = [(str(done.path), _said(done))]
    for path in done.others:
        rows.append((str(path), "how to use it" if path.suffix == ".md" else f"weights: {plural(done.keys, 'tensor')}"))
    width = max(len(path) for path, _ in rows)
    lines = [f"{path.ljust(width)}  {said}" for path, said in rows]
    if not done.is_trained and done.format is not Format.PYTHON:
        lines.append("these are initial weights: export the folder of a run for trained ones")
    return lines


def _said(done: Exported) -> str:
    equal = _agreement(done.difference)
    match done.format:
        case Format.PYTHON:
            source = f"{plural(done.lines, 'line')}, {plural(done.classes, 'class', 'classes')}"
            return f"{source}, torch alone; same {plural(done.keys, 'key')}, {equal}"
        case Format.SAFETENSORS:
            return f"weights: {plural(done.keys, 'tensor')}, {_megabytes(done)}"
    return f"{_megabytes(done)}, batches of any size; {equal}"


def _agreement(difference: float | None) -> str:
    return f"outputs equal within {difference:.0e}" if difference else "outputs equal"


def _megabytes(done: Exported) -> str:
    return f"{done.path.stat().st_size / 1e6:,.1f} MB"
