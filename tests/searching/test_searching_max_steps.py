"""A study whose trainings end at a step: rungs are whole epochs, and only the last is shorter."""

from pathlib import Path

import pytest
from support.tiny_studies import NO_FINALS, STUDY, a_study, run

from archbuilder.errors import ArchbuilderError

STEPS = 4  # of an epoch: 208 images
TRAIN = "train: {epochs: 3, batch_size: 64, max_steps: 10, mixup: 0.2, class_weights: balanced, mean: [4.9], std: [6]}"


def study_text(train: str) -> str:
    return STUDY.replace("train: {epochs: 3, batch_size: 256}", train)


def test_rungs_are_epochs_and_the_last_ends_at_the_last_step(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, study_text(TRAIN) + NO_FINALS), tmp_path)
    finished = [trial for trial in result.record.trials.values() if trial.epochs == 3]
    assert finished
    assert {trial.epochs for trial in result.record.trials.values()} == {1, 3}  # of successive halving
    assert len(result.baseline.accuracies) == 3


def test_other_epochs_than_the_steps_come_to_are_refused_before_anything_is_trained(tmp_path: Path) -> None:
    study = a_study(tmp_path, study_text(TRAIN.replace("epochs: 3", "epochs: 8")) + NO_FINALS)
    message = (
        r"^train.max_steps: 10 steps of 4 an epoch end in epoch 3, but train.epochs is 8: a study compares trials "
        r"after whole epochs; write epochs: 3, or leave max_steps out$"
    )
    with pytest.raises(ArchbuilderError, match=message):
        run(study, tmp_path)
    assert not (tmp_path / "tiny-widths").exists()


def test_settings_that_do_not_suit_the_images_are_refused_before_too(tmp_path: Path) -> None:
    study = a_study(tmp_path, study_text("train: {epochs: 3, class_weights: [1, 2]}") + NO_FINALS)
    with pytest.raises(ArchbuilderError, match=r"^class_weights: found 2 numbers, expected one for each of 10"):
        run(study, tmp_path)
    assert not (tmp_path / "tiny-widths").exists()
