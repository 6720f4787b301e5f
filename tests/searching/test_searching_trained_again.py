"""What a search found can be had again without it."""

from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file

import archbuilder
from archbuilder.data import SOURCES
from archbuilder.recipe import Precision, TrainSettings
from archbuilder.runs import read_checkpoint, train_spec
from archbuilder.searching import Study, StudyResult, fitting, run_study
from archbuilder.training import Machine
from searching.tiny_studies import STUDY, a_study, few_digits, run

EVERYTHING = STUDY.replace("batch_size: 256", "batch_size: 64, ema_decay: 0.9, crop: 1, cutout: 2")


@pytest.mark.parametrize("text", [STUDY, EVERYTHING], ids=["usual", "everything"])
def test_archbuilder_train_gives_a_candidate_again_bit_for_bit(tmp_path: Path, text: str) -> None:
    study = a_study(tmp_path, text)
    result, trials = run(study, tmp_path, trials=3)
    best = result.best[0]
    (trial,) = [trial for trial in trials if trial.number == best.number]
    assert result.best_spec is not None
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the study says
    try:
        with patch.dict(SOURCES, {"digits": few_digits}):
            again = train_spec(
                archbuilder.load(result.best_spec),
                study.settings.data,
                tmp_path / "again",
                settings=study.settings.train,
                seed=study.settings.search.seed,
            )
    finally:
        torch.set_num_threads(before)
    assert tuple(epoch.validation_accuracy for epoch in again.history) == trial.accuracies
    kept = load_file(result.folder / "weights" / f"trial-{trial.number}.safetensors")
    trained = read_checkpoint(again.folder.last).weights
    assert kept.keys() == trained.keys()
    assert all(torch.equal(kept[name], trained[name]) for name in kept)


def test_candidates_are_trained_on_the_machine_that_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = set[Machine]()
    for name in ("train", "evaluate"):
        real = getattr(fitting, name)

        def noting(*arguments: object, machine: Machine, real: object = real, **more: object) -> object:
            used.add(machine)
            return real(*arguments, machine=machine, **more)  # type: ignore[operator]

        monkeypatch.setattr(fitting, name, noting)
    machine = Machine(torch.device("cpu"), Precision.BFLOAT16)
    study: Study = a_study(tmp_path, STUDY.replace("epochs: 3", "epochs: 1"))
    with patch.dict(SOURCES, {"digits": few_digits}):
        result: StudyResult = run_study(study, runs=tmp_path, trials=1, machine=machine)
    assert used == {machine}
    assert result.best[0].test_accuracy is not None


def test_the_settings_of_a_study_are_those_of_a_training_but_for_patience(tmp_path: Path) -> None:
    settings = a_study(tmp_path).settings.train
    assert type(settings) is TrainSettings
    assert settings.patience is None
