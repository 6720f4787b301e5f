"""A disk that is full at any moment of a study: one error says so, nothing is lost, and the study resumes."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.disks import SmallDisk, small_disk
from support.killed_studies import TEXT, check_kept, check_none_twice, leftovers, write
from support.tiny_studies import standing

from archbuilder import ArchbuilderError
from archbuilder.searching import EpochEnded, Event, TrialRecord, run_study
from archbuilder.searching.opening import read_stored
from archbuilder.storage import has_study
from archbuilder.study import load_study
from archbuilder.training import CPU

pytestmark = pytest.mark.skipif(not os.environ.get("ARCHBUILDER_TESTS_FAULTS"), reason="takes minutes: make faults")
FULL = 5  # times at least that the disk is full
SHORT = TEXT.replace("trials: 40", "trials: 12")
ADVICE = "\n  free some space there, then run the same command again; files that were saved before are complete"


class Filling:
    """Fills a disk after so many epochs, but for some bytes."""

    def __init__(self, disk: SmallDisk, epochs: int, left: int) -> None:
        self._disk, self._epochs, self._left = disk, epochs, left

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self._epochs -= 1
            if self._epochs == 0:
                self._disk.fill(self._left)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", 2) as made:
        yield made


def trials_of(folder: Path) -> list[TrialRecord]:
    try:
        return list(read_stored(folder).record.trials.values()) if has_study(folder) else []
    except ArchbuilderError:  # nothing of it was written
        return []


def survive(
    disk: SmallDisk, path: Path, runs: Path, left: int = 0, storage: str | None = None, workers: int = 1
) -> list[str]:
    """Run a study whose disk is full again and again; return its errors."""
    study, folder, moments = load_study(path), runs / "tiny-widths", random.Random(0)
    errors, before = list[str](), list[TrialRecord]()
    while True:
        filling = Filling(disk, moments.randint(1, 6 // workers), left)
        try:
            run_study(study, runs=runs, observe=filling, storage=storage, machines=[CPU] * workers)
            break
        except ArchbuilderError as error:
            errors.append(str(error))
        disk.free()
        if any(trial.rungs for trial in before):  # before its baseline is trained, a study begins anew
            check_kept(before, trials_of(folder))
        before = trials_of(folder)
    assert len(errors) >= FULL
    check_kept(before, trials_of(folder))
    check_none_twice(trials_of(folder), path)
    assert not leftovers(folder)
    return errors


def undisturbed(path: Path, runs: Path) -> Path:
    """Run a study on a disk with space; return its folder."""
    run_study(load_study(path), runs=runs)
    return runs / "tiny-widths"


def test_a_journal_on_a_full_disk_loses_nothing(tmp_path: Path, disk: SmallDisk) -> None:
    path = write(tmp_path, SHORT.replace("factor: 2", "pruner: none"))  # and so writes no checkpoints
    for error in survive(disk, path, disk.path):
        assert error.startswith(f"{disk.path}/tiny-widths/")
        assert error.endswith(f": cannot be written: No space left on device{ADVICE}")
    assert standing(disk.path / "tiny-widths")[:3] == standing(undisturbed(path, tmp_path / "runs"))[:3]


def test_a_database_on_a_full_disk_loses_nothing(tmp_path: Path, disk: SmallDisk) -> None:
    if disk.path.is_relative_to("/proc"):
        pytest.skip("SQLite looks for the path that a link in /proc shows")
    path, url = write(tmp_path, SHORT), f"sqlite:///{disk.path}/studies.db"
    for error in survive(disk, path, tmp_path / "full", storage=url):
        assert error == f"{url}: database or disk is full{ADVICE}"
    assert standing(tmp_path / "full" / "tiny-widths")[:3] == standing(undisturbed(path, tmp_path / "runs"))[:3]


@pytest.mark.parametrize("workers", [1, 2])
def test_checkpoints_on_a_full_disk_lose_nothing(tmp_path: Path, disk: SmallDisk, workers: int) -> None:
    # Two workers may end several rungs before one of them has something to write: they have more trials to fail in.
    path = write(tmp_path, SHORT.replace("trials: 12", f"trials: {12 * workers}"))
    errors = survive(disk, path, disk.path, 8192, workers=workers)
    for error in errors:
        assert error.startswith(f"{disk.path}/tiny-widths/")
        assert error.endswith(f": cannot be written: No space left on device{ADVICE}")
    assert any("/states/trial-" in error for error in errors), errors
    if workers == 1:
        assert standing(disk.path / "tiny-widths")[:3] == standing(undisturbed(path, tmp_path / "runs"))[:3]
