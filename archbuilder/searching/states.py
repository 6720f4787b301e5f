"""The states of trainings that are to go on, on disk."""

import re
from collections.abc import Collection
from pathlib import Path

from archbuilder.modules.saving import read_tensors, save_tensors
from archbuilder.searching.record import OWN
from archbuilder.training import TrainerState

_KEY = "state"
# With what `write_whole` leaves behind when its process is killed.
_NAME = re.compile(r"\.?(?:trial-(?P<number>\d+)|baseline)-epoch-(?P<epochs>\d+)\.safetensors(?P<rest>\..+)?")


class StatesFolder:
    """The states of the trials that may go on, or that others may start from.

    Each is kept under the epochs that it was trained for: one that is written just before its process ends, and before
    the journal knows of it, does not stand in the place of the one that the journal knows of.
    """

    def __init__(self, study: Path) -> None:
        """Use the folder of a study; that of its states need not exist yet."""
        self._folder = study / "states"

    def path(self, number: int, epochs: int) -> Path:
        """Where the state of a trial, or of the spec as it is (`OWN`), after so many epochs is."""
        name = "baseline" if number == OWN else f"trial-{number}"
        return self._folder / f"{name}-epoch-{epochs}.safetensors"

    def has(self, number: int, epochs: int) -> bool:
        """Tell whether a state is there."""
        return self.path(number, epochs).is_file()

    def save(self, number: int, epochs: int, state: TrainerState) -> None:
        """Write a state, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        save_tensors(self.path(number, epochs), state.tensors, {_KEY: state.data})

    def read(self, number: int, epochs: int) -> TrainerState:
        """Read a state.

        Raises:
            ArchbuilderError: It is not there, or damaged.
        """
        path = self.path(number, epochs)
        tensors, header = read_tensors(path)
        return TrainerState(tensors, header[_KEY])

    def keep_only(self, states: Collection[tuple[int, int]], at_work: Collection[int] = ()) -> None:
        """Remove every state but these.

        Args:
            states: Each as a trial and its epochs.
            at_work: Trials whose process may be writing or reading: nothing of theirs is removed.
        """
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            name = _NAME.fullmatch(path.name)
            if name is None:
                continue
            number = OWN if name["number"] is None else int(name["number"])
            if number in at_work:
                continue
            if name["rest"] is not None or (number, int(name["epochs"])) not in states:
                path.unlink(missing_ok=True)
