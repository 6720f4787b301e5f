"""Find the subfolders of a folder of images that are splits, by their names."""

from pathlib import Path

from archbuilder.data.files import names_text, path_text, visible_names
from archbuilder.errors import ArchbuilderError

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing"),
}
_EITHER = ("eval", "evaluation")  # some call validation images so, others test images


def find_splits(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the folder of each split.

    Subfolders are splits if `train` and another one are among them, or if all of them have names of splits and contain
    folders. Otherwise the folder itself has the training images.

    Returns:
        The folders by `train`, `validation` and `test`; and the names of other folders, each with a slash.

    Raises:
        ArchbuilderError: There are two folders for a split, or one whose name may mean validation or test.
    """
    folders = [folder / name for name in visible_names(folder) if (folder / name).is_dir()]
    found: dict[str, Path] = {}
    either, beside = [], []
    for path in folders:
        word = path.name.lower()
        part = next((part for part, words in _SPLITS.items() if word in words), None)
        if word in _EITHER:
            either.append(path)
        elif part is None:
            beside.append(path.name + "/")
        elif part in found:
            message = f"found {found[part].name} and {path.name}, expected one folder of images for {part}"
            raise ArchbuilderError(f"{path_text(folder)}: {message}")
        else:
            found[part] = path
    among = len(found) + len(either)
    has_splits = ("train" in found and among > 1) or (not beside and among and all(map(_holds_folders, folders)))
    if not has_splits:
        return {"train": folder}, []
    if either:
        lacking = [part for part in ("validation", "test") if part not in found]
        if len(either) > 1 or len(lacking) != 1:
            names = names_text([path.name for path in either])
            raise ArchbuilderError(f"{path_text(folder)}: {names} may mean validation or test; call it val or test")
        found[lacking[0]] = either[0]
    return {part: found[part] for part in _SPLITS if part in found}, beside


def _holds_folders(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in visible_names(folder))
