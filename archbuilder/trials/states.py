"""Checkpoints of the trials that may be trained further, or that others may start from."""

import re
from collections.abc import Collection
from pathlib import Path

from archbuilder.modules.saving import read_tensors, save_tensors
from archbuilder.training import TrainerState

_KEY = "state"
# With what a killed process leaves of one that it was writing.
_NAME = re.compile(r"\.?trial-(?P<number>\d+)-epoch-(?P<epochs>\d+)\.safetensors(?P<rest>\..+)?")


def state_path(number: int, epochs: int) -> Path:
    """Return where the state of a trial after so many epochs is, from the folder of its study."""
    return Path("states") / f"trial-{number}-epoch-{epochs}.safetensors"


class StatesFolder:
    """The checkpoints of a study.

    Each is kept under the epochs that it was trained for: one that is written just before its process ends, and before
    the study knows of it, does not stand in the place of the one that the study knows of.
    """

    def __init__(self, study: Path) -> None:
        """Use the folder of a study; that of its states need not exist yet."""
        self._study = study

    def has(self, number: int, epochs: int) -> bool:
        """Return whether a state is there."""
        return (self._study / state_path(number, epochs)).is_file()

    def save(self, number: int, epochs: int, state: TrainerState) -> None:
        """Write a state, whole or not at all."""
        path = self._study / state_path(number, epochs)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(path, state.tensors, {_KEY: state.data})

    def read(self, number: int, epochs: int) -> TrainerState:
        """Read a state; raise an ArchbuilderError if it is not there, or damaged."""
        tensors, header = read_tensors(self._study / state_path(number, epochs))
        return TrainerState(tensors, header[_KEY])

    def keep_only(self, states: Collection[tuple[int, int]], at_work: Collection[int] = ()) -> None:
        """Remove every state but these, each a trial and its epochs; and none of trials whose process is at work."""
        folder = (self._study / state_path(0, 0)).parent
        for path in folder.iterdir() if folder.is_dir() else ():
            name = _NAME.fullmatch(path.name)
            if name is None or int(name["number"]) in at_work:
                continue
            if name["rest"] is not None or (int(name["number"]), int(name["epochs"])) not in states:
                path.unlink(missing_ok=True)
