"""The files of studies: whether one may be started here, which spec it is of, and how a new one is written."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from archbuilder.errors import ArchbuilderError, Source
from archbuilder.play.folder import inside
from archbuilder.play.limits import MOST_CHARACTERS
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.reader import read_text


def check_study(root: Path, path: Path, text: str | None = None) -> tuple[str, int]:
    """Check a study's file; return the study's name, and how many trials it asks for.

    Args:
        root: The playground's folder.
        path: The file; what it names must lie in the folder too, unless it is a shipped study.
        text: What the file is to hold, if it is not written yet.

    Raises:
        ArchbuilderError: The study or its spec is wrong, or names a file outside the folder.
    """
    from archbuilder.spec.sources import shipped_folder  # noqa: PLC0415
    from archbuilder.study.reading import read_study  # noqa: PLC0415 - imports torch

    is_shipped = path.parent == shipped_folder("studies")
    if text is None and not is_shipped:
        inside(root, path, 4 * MOST_CHARACTERS)
    source = read_text(path, path.name) if text is None else Source(path.name, text, path)
    if not is_shipped:
        _check_named(root, source, path)
    study = read_study(source)
    return study.name, study.settings.search.trials


def new_study(root: Path, path: Path, spec: str, data: str, budget: str, numbers: Mapping[str, int]) -> str:
    """Return the text of a new study of all widths of a spec, checked before there is a file of it.

    Args:
        root: The playground's folder.
        path: Where the file will be; its stem is the study's name.
        spec: The spec's file, relative to the study's.
        data: The address of the images.
        budget: The most MACs.
        numbers: `trials`, `epochs` and `finals`, as for `study_text`.

    Raises:
        ArchbuilderError: The study would be wrong, or would name a file outside the folder.
    """
    from archbuilder.network_spec import NetworkSpec  # noqa: PLC0415 - imports torch

    least = min(NetworkSpec.load(path.parent / spec).widths.values(), default=1)
    multiple = 8 if least >= 8 else 4 if least >= 4 else 1  # each width has two values at least
    text = study_text(path.stem, spec, data, budget, multiple=multiple, **numbers)
    check_study(root, path, text)
    return text


def study_text(
    name: str, spec: str, data: str, budget: str, *, trials: int, epochs: int, finals: int, multiple: int = 4
) -> str:
    """Write the file of a study of all widths of a spec.

    Args:
        name: The study's name.
        spec: The spec's file, relative to the study's.
        data: The address of the images, such as `digits` or `folder:flowers@224`.
        budget: The most MACs, such as `60%`.
        trials: How many trials.
        epochs: For how many epochs the best are trained.
        finals: How many of the best are retrained with held-out seeds, and tested.
        multiple: What each width is a multiple of.
    """
    return to_yaml(
        {
            "name": name,
            "spec": spec,
            "data": data,
            "space": {"*": {"scale": [0.25, 2.0], "multiple_of": multiple}},
            "budget": {"macs": budget},
            "train": {"epochs": epochs},
            "search": {"trials": trials},
            "finals": {"candidates": finals},
        }
    )


def spec_of_study(path: Path) -> str:
    """Return what a study's file says its spec is; empty if the file is none of a study."""
    from archbuilder.spec.nodes import MappingNode, ScalarNode  # noqa: PLC0415
    from archbuilder.spec.reader import read_yaml  # noqa: PLC0415

    try:
        root = read_yaml(read_text(path), [])
    except ArchbuilderError:
        return ""
    spec = root.get("spec") if isinstance(root, MappingNode) and "space" in root.entries else None
    return str(spec.value) if isinstance(spec, ScalarNode) else ""


def _check_named(root: Path, source: Source, path: Path) -> None:
    """Check that the files which a study names lie in the playground's folder.

    Only paths are looked at: what else is wrong with the file is found when it is read as a study.
    """
    from archbuilder.data import check_address  # noqa: PLC0415 - imports torch
    from archbuilder.spec.nodes import plain  # noqa: PLC0415
    from archbuilder.spec.reader import read_yaml  # noqa: PLC0415

    values = plain(read_yaml(source, []))
    values = values if isinstance(values, dict) else {}
    parts = [values.get(key) for key in ("train", "search")]
    train, search = (part if isinstance(part, dict) else {} for part in parts)
    enqueued = search.get("enqueue")
    named = [("spec", values.get("spec")), ("train.weights", train.get("weights"))]
    named += [("search.enqueue", entry) for entry in (enqueued if isinstance(enqueued, list) else [enqueued])]
    with suppress(ArchbuilderError):  # an address that is wrong is an error of the study
        address = check_address(str(values.get("data") or "digits"), path.parent)
        named.append(("data", address.path.removeprefix(_torchvision_name(address.kind, address.path))))
    for key, value in named:
        if isinstance(value, str) and not _lies_in(root, path.parent / value):
            raise ArchbuilderError(f"{path.name}: {key}: {value} lies outside {root}, where the playground was started")


def _torchvision_name(kind: str, path: str) -> str:
    """Return what precedes the folder in an address of torchvision."""
    return f"{path.partition(':')[0]}:" if kind == "torchvision" else ""


def _lies_in(root: Path, path: Path) -> bool:
    try:
        return path.expanduser().resolve().is_relative_to(root)
    except (OSError, ValueError, RuntimeError):
        return False
