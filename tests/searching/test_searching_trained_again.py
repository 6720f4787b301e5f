"""What a search found can be had again without it."""

from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from support.tiny_studies import NO_FINALS, STUDY, a_study, few_digits, run

import archbuilder
from archbuilder.data import SOURCES
from archbuilder.recipe import TrainSettings
from archbuilder.runs import train_spec

USUAL = STUDY.replace("seed: 3", "seed: 3, pruner: none") + NO_FINALS
EVERYTHING = USUAL.replace("batch_size: 256", "batch_size: 64, ema_decay: 0.9, crop: 1, cutout: 2")


MIXED = USUAL.replace(
    "batch_size: 256",
    "batch_size: 64, max_steps: 11, mixup: 0.2, cutmix: 1, random_erasing: 0.2, resized_crop: 0.6, "
    "balanced_sampling: true, mean: [5], std: [6]",
)


@pytest.mark.parametrize("text", [USUAL, EVERYTHING, MIXED], ids=["usual", "everything", "mixed"])
def test_archbuilder_train_gives_a_candidate_again(tmp_path: Path, text: str) -> None:
    study = a_study(tmp_path, text)
    result, _ = run(study, tmp_path, trials=3)
    assert result.best_spec is not None
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the study says
    try:
        with patch.dict(SOURCES, {"digits": few_digits}):
            again = train_spec(
                archbuilder.load(result.best_spec),
                "digits",
                tmp_path / "again",
                settings=study.settings.train,
                seed=study.settings.search.seed,
            )
    finally:
        torch.set_num_threads(before)
    assert tuple(epoch.validation_accuracy for epoch in again.history) == result.best(1)[0].accuracies


def test_the_settings_of_a_study_are_those_of_a_training_but_for_patience(tmp_path: Path) -> None:
    settings = a_study(tmp_path).settings.train
    assert isinstance(settings, TrainSettings)
    assert settings.patience is None
