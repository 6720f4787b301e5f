"""A search beside random search of the same cost."""

from pathlib import Path

from support.tiny_studies import STUDY, a_study, run

from archbuilder.searching import Outcome, read_result
from archbuilder.searching.record import training_macs


def test_random_search_spends_what_the_search_does(tmp_path: Path) -> None:
    text = STUDY.replace("seed: 3", "seed: 3, factor: 2") + "finals: {candidates: 1, seeds: 2}\n"
    result, _ = run(a_study(tmp_path, text), tmp_path, trials=6, versus_random=True)
    rival = result.rival
    assert rival is not None
    assert rival.folder == result.folder / "versus-random"
    spent, own, images = rival.trained_macs, result.trained_macs, result.images["train"]
    last = max(rival.record.counted, key=lambda trial: trial.number)
    assert own <= spent < own + training_macs(3 * last.cost["macs"], images)
    assert all(trial.outcome is Outcome.FINISHED and trial.epochs == 3 for trial in rival.record.counted)
    ours = next(row for row in result.rows if row.finalist.number is not None)
    theirs = next(row for row in rival.rows if row.finalist.number is not None)
    assert ours.seeds == theirs.seeds
    assert result.compared(ours, theirs) is not None
    again = read_result(result.folder).rival
    assert again is not None
    assert again.trained_macs == spent
