"""Write the page of whatever a name means: a network, a run or a study."""

from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.network_spec import NetworkSpec
from archbuilder.pages.network import network_page
from archbuilder.report.kept import find_study
from archbuilder.spec.checkpoints import BEST, LAST
from archbuilder.spec.sources import shipped_names
from archbuilder.spec.writing import write_text
from archbuilder.storage import has_study

PAGE = "report.html"


def write_report(
    name: str, output: Path | None, *, runs: Path, split: str = "validation", device: str = "auto"
) -> Path:
    """Write a page, atomically.

    Args:
        name: A spec file, a shipped spec, the folder of a run or a checkpoint in it, or a study by name or folder.
        output: Where to write; by default `report.html` in the folder of the run or study, or `NAME.html` for a spec.
        runs: The folder of all studies.
        split: The images that a run is evaluated on.
        device: Where it is evaluated.

    Returns:
        The path of the page.

    Raises:
        ArchbuilderError: Nothing is named so, or what is named cannot be read.
    """
    path = Path(name)
    if path.name in {BEST, LAST}:
        path = path.parent
    if any((path / file).is_file() for file in (BEST, LAST)):
        text, default = _run(path, split, device), path / PAGE
    elif path.is_dir() and not has_study(path):
        raise ArchbuilderError(
            f"{path}: neither a run nor a study: {BEST} or a study's storage is missing in it; "
            "name a spec, the folder of a run, or a study"
        )
    elif path.is_dir() or (has_study(runs / name) and name not in shipped_names("specs")):
        folder = find_study(runs, name)
        text, default = _study(folder), folder / PAGE
    else:
        spec = NetworkSpec.load(name)
        text, default = network_page(spec), Path(f"{spec.name}.html")
    write_text(output or default, text)
    return output or default


def _run(folder: Path, split: str, device: str) -> str:
    from archbuilder.pages.run import run_page  # noqa: PLC0415 - needs torch and Matplotlib
    from archbuilder.runs import RunFolder, evaluate_checkpoint, read_checkpoint  # noqa: PLC0415
    from archbuilder.training import choose_machine  # noqa: PLC0415

    run = RunFolder(folder)
    checkpoint = read_checkpoint(run.last if run.last.is_file() else run.best)
    if not checkpoint.history:
        raise ArchbuilderError(f"{folder}: no epoch is finished; continue it: archbuilder train --resume {folder}")
    measured = evaluate_checkpoint(folder, split=split, machine=choose_machine(device))
    return run_page(folder, checkpoint, measured)


def _study(folder: Path) -> str:
    from archbuilder.pages.study import page_files  # noqa: PLC0415 - slow to import
    from archbuilder.searching import read_result  # noqa: PLC0415

    return page_files(read_result(folder))[PAGE]
