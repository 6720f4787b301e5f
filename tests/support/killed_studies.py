"""A study for tests that kill its processes, and what must be true of it afterwards."""

from pathlib import Path

from archbuilder.searching import Outcome, TrialRecord
from archbuilder.searching.opening import read_stored
from archbuilder.study import load_study
from support.tiny_studies import ONE_FINAL, STUDY, outline, write_digits, write_study

TEXT = (
    STUDY.replace("data: digits", "data: npz:digits.npz")
    .replace("trials: 8, seed: 3", "trials: 40, seed: 3, factor: 2, sampler: random")
    .replace("epochs: 3, batch_size: 256", "epochs: 4, batch_size: 64")
    + ONE_FINAL
)


def write(folder: Path, text: str = TEXT) -> Path:
    """Write a study with its spec and images; return its path."""
    path = write_study(folder, text)
    write_digits(folder / "digits.npz")
    return path


def read(folder: Path) -> list[TrialRecord]:
    """Return the trials of a study that a journal file holds so far."""
    return list(read_stored(folder).record.trials.values()) if (folder / "journal.log").exists() else []


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.is_file()]


def check_kept(before: list[TrialRecord], now: list[TrialRecord]) -> None:
    """Check that nothing of what was finished is lost or changed."""
    assert len(now) >= len(before)
    for old, new in zip(before, now, strict=False):
        if old.outcome is Outcome.OPEN:
            assert new.values == old.values
            assert new.rungs[: len(old.rungs)] == old.rungs
            assert new.accuracies[: old.epochs] == old.accuracies
        else:
            assert outline([new]) == outline([old])
            assert new.seconds == old.seconds


def check_none_twice(trials: list[TrialRecord], text_path: Path) -> None:
    """Check that no network and no rung of one was trained twice, and that nothing failed."""
    study = load_study(text_path)
    trained = [
        study.pricer.key(trial.values)
        for trial in trials
        if trial.outcome not in {Outcome.BASELINE, Outcome.DUPLICATE, Outcome.INVALID}
    ]
    assert len(trained) == len(set(trained))
    for trial in trials:
        assert trial.outcome is not Outcome.FAILED, trial.reason
        epochs = [rung.epochs for rung in trial.rungs]
        assert epochs == sorted(set(epochs))
    orders = sorted(rung.order for trial in trials for rung in trial.rungs)
    assert orders == list(range(len(orders)))
