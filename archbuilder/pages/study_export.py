"""Export the results of a study to a folder."""

from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.pages.study import page_files
from archbuilder.runs import BEST
from archbuilder.runs.seen import SEEN
from archbuilder.searching import StudyResult
from archbuilder.searching.outputs import TRIALS, trials_text
from archbuilder.spec.writing import write_bytes
from archbuilder.trials.jobs import Final


def export_study(result: StudyResult, folder: Path, *, force: bool = False) -> list[Path]:
    """Write the trials, the page, its charts, the best specs and their weights.

    Args:
        result: The study.
        folder: The folder, which is created if necessary.
        force: Whether to overwrite files that exist and differ.

    Returns:
        The files written.

    Raises:
        ArchbuilderError: A file exists and differs, in which case nothing is written; or it cannot be written.
    """
    files = {
        TRIALS: trials_text(result.study, result.record).encode(),
        **{name: text.encode() for name, text in page_files(result).items()},
    }
    try:
        specs = [*result.best_specs.values(), *result.folder.glob("scaled*.yaml")]
        files |= {path.name: path.read_bytes() for path in specs}
        files |= {name: path.read_bytes() for name, path in _weights(result).items()}
        folder.mkdir(parents=True, exist_ok=True)
        there = [name for name, data in files.items() if _differs(folder / name, data)]
    except OSError as error:
        raise ArchbuilderError(f"{error.filename or folder}: {error.strerror or error}") from None
    if there and not force:
        raise ArchbuilderError(
            f"{folder}: has {', '.join(sorted(there))} with other contents; choose another folder with -o, or --force"
        )
    for name, data in files.items():
        write_bytes(folder / name, data)
    return [folder / name for name in files]


def _weights(result: StudyResult) -> dict[str, Path]:
    """Return the weights of each best network that was retrained, by file name.

    Of several seeds, the one with the best validation accuracy is used; weights that were deleted are left out. The
    hashes of the training images are included, so that `evaluate` can recognize them in other data sets.
    """
    found = {}
    for step, row in result.best_rows().items():
        seed = row.seeds[row.validation.index(max(row.validation))]
        place = result.folder / Final(row.name, seed).folder
        if step in result.best_specs and (place / BEST).is_file():
            found[result.best_specs[step].with_suffix(Path(BEST).suffix).name] = place / BEST
            if (place / SEEN).is_file():
                found[SEEN] = place / SEEN
    return found


def _differs(path: Path, data: bytes) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != data)
