"""Pruning of trials that have learned nothing yet is warned of."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console
from support.tiny_studies import NO_FINALS, STUDY, a_study, run
from support.trials import a_trial

from archbuilder.report.search import LineView, progress_panel
from archbuilder.report.study_texts import chance_text
from archbuilder.report.verdicts import verdicts
from archbuilder.searching import ChanceRung, Event, Outcome, PrunedAtChance, TrialRecord, read_result
from archbuilder.searching.chance import highest_by_chance, rungs_at_chance
from archbuilder.trials.record import Record

# A learning rate at which no network learns anything.
TEXT = STUDY.replace("batch_size: 256", "batch_size: 256, learning_rate: 0.0000001") + NO_FINALS
TEXT = TEXT.replace("seed: 3", "seed: 3, pruner: hyperband, min_epochs: 1")
CHANCE = "are at chance level (10.0 %), so pruning there compares noise; set search: {min_epochs: 2}"


def trial(number: int, accuracy: float, outcome: Outcome = Outcome.PRUNED) -> TrialRecord:
    return a_trial(number + 1, {}, {}, outcome, accuracies=(accuracy,), ends=((1, number, 1.0),))


def test_chance_level_is_wider_for_few_images() -> None:
    assert 0.1 < highest_by_chance(10, 10_000) < 0.107
    assert 0.15 < highest_by_chance(10, 100) < 0.17


def test_a_rung_is_at_chance_if_most_of_its_trials_are() -> None:
    few = Record([trial(0, 0.10), trial(1, 0.11, Outcome.OPEN), trial(2, 0.5)])
    assert rungs_at_chance(few, 10, 1000) == (ChanceRung(1, 3, 2),)
    assert not rungs_at_chance(Record([trial(0, 0.10), trial(1, 0.5), trial(2, 0.5)]), 10, 1000)
    assert not rungs_at_chance(Record([trial(number, 0.10, Outcome.FINISHED) for number in range(3)]), 10, 1000)
    assert not rungs_at_chance(few, 10, 10**9)


def test_pruning_at_chance_level_is_warned_of_once_and_in_the_result(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    console = Console(width=300, record=True, file=StringIO())
    view, warned = LineView(console), []

    def observe(event: Event) -> None:
        view(event)
        if isinstance(event, PrunedAtChance):
            warned.append(event.rung)

    result, _ = run(study, tmp_path, observe=observe)
    assert [rung.epochs for rung in warned] == [1]
    lines = console.export_text().splitlines()
    assert sum(line.startswith("warning: after 1 epoch ") and CHANCE in line for line in lines) == 1
    console.print(progress_panel(view.progress))
    assert CHANCE in console.export_text()
    for found in (result, read_result(tmp_path / study.name)):
        assert [rung.epochs for rung in found.rungs_at_chance] == [1]
        assert CHANCE in verdicts(found)[-1]
    assert not replace(result, images={}).rungs_at_chance


def test_the_advice_names_more_epochs_within_the_training(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)  # of 3 epochs
    assert "{min_epochs: 3}" in chance_text(study, ChanceRung(2, 3, 2))
