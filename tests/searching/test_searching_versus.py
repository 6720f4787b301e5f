"""A search beside random search of the same cost."""

from pathlib import Path

import pytest
from support.tiny_studies import STUDY, a_study, run

from archbuilder.report.history import history
from archbuilder.searching import Outcome, read_result
from archbuilder.trials.record import training_macs


@pytest.mark.parametrize("inherits", [False, True])
def test_random_search_spends_what_the_search_does(tmp_path: Path, inherits: bool) -> None:
    text = STUDY.replace("seed: 3", f"seed: 3, factor: 2, inherit: {str(inherits).lower()}")
    text += "finals: {candidates: 1, seeds: 2}\n"
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=6, versus_random=True)
    random_search = result.random_search
    assert random_search is not None
    assert random_search.folder == result.folder / "versus-random"
    spent, own, images = random_search.trained_macs, result.trained_macs, result.images["train"]
    # What the unchanged network cost to train counts where candidates start from its weights.
    lent = training_macs(3 * result.baseline.cost["macs"], images) if inherits else 0
    assert own == result.record.training_macs(images) + lent
    assert spent == random_search.record.training_macs(images)
    assert [moments[-1].spent for moments in (history(result), history(random_search))] == [own, spent]
    last = max(random_search.record.counted, key=lambda trial: trial.number)
    assert own <= spent < own + training_macs(3 * last.cost["macs"], images)
    assert all(trial.outcome is Outcome.FINISHED and trial.epochs == 3 for trial in random_search.record.counted)
    ours = next(row for row in result.rows if row.number is not None)
    theirs = next(row for row in random_search.rows if row.number is not None)
    assert ours.seeds == theirs.seeds
    assert result.compared(ours, theirs) is not None
    again = read_result(result.folder).random_search
    assert again is not None
    assert again.trained_macs == spent
