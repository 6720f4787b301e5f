"""Shell completion: shipped names, files, the folders of runs, and studies that were run.

Nothing here imports torch, as completion must be fast. `archbuilder --install-completion` turns it on.
"""

from collections.abc import Iterator
from pathlib import Path

from archbuilder.recipe import RUNS
from archbuilder.spec.sources import Kind, shipped_names


def complete_spec(incomplete: str) -> list[str]:
    """Return the shipped specs, the YAML files and the checkpoints that start with the given text."""
    return sorted({*_named("specs", incomplete), *_paths(incomplete, ".safetensors", folders=False)})


def complete_study(incomplete: str) -> list[str]:
    """Return the shipped studies and the YAML files that start with the given text."""
    return _named("studies", incomplete)


def complete_run(incomplete: str) -> list[str]:
    """Return the folders of runs, in `runs` or by path, and the checkpoints that start with the given text."""
    runs = [] if incomplete else [path.parent for path in RUNS.glob("*/best.safetensors")]
    return sorted({*map(str, runs), *_paths(incomplete, ".safetensors")})


def complete_kept_study(incomplete: str) -> list[str]:
    """Return the names of the studies in `runs`, or, after a slash, the folders, that start with the given text."""
    names = {path.parent.name for name in ("journal.log", "storage.txt") for path in RUNS.glob(f"*/{name}")}
    folders = {*_paths(incomplete, "")} if "/" in incomplete else set[str]()
    return sorted({name for name in names if name.startswith(incomplete)} | folders)


def _named(kind: Kind, incomplete: str) -> list[str]:
    shipped = [name for name in shipped_names(kind) if name.startswith(incomplete)]
    return shipped + sorted([*_paths(incomplete, ".yaml"), *_paths(incomplete, ".yml", folders=False)])


def _paths(incomplete: str, ending: str, *, folders: bool = True) -> Iterator[str]:
    """Yield the folders, with a slash, and the files of an ending whose paths start with a text."""
    start, _, name = incomplete.rpartition("/")
    folder = Path(start or ("/" if incomplete.startswith("/") else "."))
    prefix = incomplete[: len(incomplete) - len(name)]
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if not path.name.startswith(name) or (path.name.startswith(".") and not name):
            continue
        if path.is_dir():
            if folders:
                yield f"{prefix}{path.name}/"
        elif ending and path.suffix == ending:
            yield f"{prefix}{path.name}"
