"""A study's results in a folder of their own, to be given away."""

from pathlib import Path

from archbuilder.errors import ArchbuilderError
from archbuilder.report.study_page import page_files
from archbuilder.runs import BEST
from archbuilder.runs.seen import SEEN
from archbuilder.searching import StudyResult
from archbuilder.searching.fitting import final_folder
from archbuilder.searching.outputs import TRIALS, trials_text
from archbuilder.spec.writing import write_bytes


def export_study(result: StudyResult, folder: Path, *, force: bool = False) -> list[Path]:
    """Write the trials, the page, its pictures, the best specs and their weights.

    Args:
        result: The study.
        folder: Where to; made if need be.
        force: Whether files that are there and differ are written over.

    Returns:
        What was written.

    Raises:
        ArchbuilderError: A file is there and differs, or cannot be written; nothing is written in the first case.
    """
    files = {
        TRIALS: trials_text(result.study, result.record).encode(),
        **{name: text.encode() for name, text in page_files(result).items()},
    }
    try:
        files |= {path.name: path.read_bytes() for path in result.best_specs.values()}
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
    """Return the weights of each best network that the finals have trained, by a name beside that of its spec.

    Of its seeds it is the one with the best validation accuracy. There are none where their folder was deleted. With
    them go the hashes of the images they were trained on, which are the same for all of a study: without these,
    `evaluate` could not tell which images of another data set they have seen.
    """
    found = {}
    for step, row in result.champions().items():
        seed = row.seeds[row.validation.index(max(row.validation))]
        place = final_folder(result.folder, row.finalist.name, seed)
        if step in result.best_specs and (place / BEST).is_file():
            found[result.best_specs[step].with_suffix(Path(BEST).suffix).name] = place / BEST
            if (place / SEEN).is_file():
                found[SEEN] = place / SEEN
    return found


def _differs(path: Path, data: bytes) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != data)
