from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

import archbuilder
from archbuilder.data import DataSplits, Images
from archbuilder.searching import Outcome, Row, StudyResult, Tally
from archbuilder.searching.budget import cost_of
from archbuilder.searching.loop import KEPT
from searching.tiny_studies import SPEC, STUDY, a_study, run

ONE_EPOCH = STUDY.replace("epochs: 3", "epochs: 1")


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every time that the test split is opened."""
    noted: list[str] = []
    open_test = DataSplits.open_test

    def noting(data: DataSplits) -> Images:
        noted.append(data.name)
        return open_test(data)

    monkeypatch.setattr(DataSplits, "open_test", noting)
    return noted


def test_the_test_split_is_opened_once_for_the_table(tmp_path: Path, openings: list[str]) -> None:
    study = a_study(tmp_path, ONE_EPOCH)
    first, _ = run(study, tmp_path, trials=4)
    assert openings == ["digits"]
    assert first.test_openings == 1
    again, trials = run(study, tmp_path, trials=4)
    assert openings == ["digits"]
    assert trials == []
    assert (again.baseline, again.best, again.test_openings) == (first.baseline, first.best, 1)
    assert all(row.test_accuracy is not None for row in (again.baseline, *again.best))


def test_a_finished_study_is_shown_without_its_data_and_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = a_study(tmp_path, ONE_EPOCH)
    first, _ = run(study, tmp_path, trials=2)
    for path in (first.folder / "weights").iterdir():
        path.unlink()
    monkeypatch.setattr("archbuilder.searching.study.load_data", None)
    assert run(study, tmp_path, trials=2)[0].best == first.best


def test_a_study_that_goes_on_after_its_table_says_so(tmp_path: Path, openings: list[str]) -> None:
    study = a_study(tmp_path, ONE_EPOCH)
    run(study, tmp_path, trials=2)
    assert run(study, tmp_path, trials=4)[0].test_openings == len(openings) == 2


def test_weights_that_were_deleted_before_the_table_leave_a_gap(tmp_path: Path) -> None:
    study = a_study(tmp_path, ONE_EPOCH)
    first, _ = run(study, tmp_path, trials=1)
    assert first.best[0].number is not None
    (first.folder / "weights" / f"trial-{first.best[0].number}.safetensors").unlink()
    second, _ = run(study, tmp_path, trials=3)
    accuracies = {row.number: row.test_accuracy for row in second.best}
    assert accuracies[first.best[0].number] == first.best[0].test_accuracy  # it was measured before
    assert None not in accuracies.values()


def test_the_weights_of_the_best_few_are_kept_and_no_others(tmp_path: Path) -> None:
    study = a_study(tmp_path, ONE_EPOCH)
    run(study, tmp_path, trials=1)
    (tmp_path / "tiny-widths" / "weights" / ".trial-1.safetensors.abc").touch()  # as of a process that was killed
    result, _ = run(study, tmp_path, trials=9)
    assert result.tally[Outcome.FINISHED] > KEPT == len(result.best)
    names = {f"trial-{row.number}.safetensors" for row in result.best} | {"baseline.safetensors"}
    assert {path.name for path in (result.folder / "weights").iterdir()} == names


def test_saved_weights_are_those_of_the_candidate(tmp_path: Path) -> None:
    result, _ = run(a_study(tmp_path, ONE_EPOCH), tmp_path, trials=2)
    assert result.best_spec is not None
    network = archbuilder.load(result.best_spec).build(initialised=False)
    network.load_state_dict(load_file(result.folder / "weights" / f"trial-{result.best[0].number}.safetensors"))


def test_the_best_is_saved_as_a_spec_of_its_own(tmp_path: Path) -> None:
    study = a_study(tmp_path, ONE_EPOCH)
    result, trials = run(study, tmp_path, trials=3)
    assert result.best_spec == tmp_path / "tiny-widths" / "best.yaml"
    saved = archbuilder.load(result.best_spec)
    best = next(trial for trial in trials if trial.number == result.best[0].number)
    assert {name: saved.widths[name] for name in best.widths} == best.widths
    assert cost_of(saved.plan()) == result.best[0].cost
    saved.build()
    lines, own = saved.text.splitlines(), SPEC.splitlines()
    assert len(lines) == len(own)
    changed = [before for before, after in zip(own, lines, strict=True) if before != after]
    assert all("name: mix" in line or "name: fc" in line for line in changed)
    assert "# a comment to keep" in saved.text
    assert "# and another" in saved.text
    joined = sum(best.widths[f"mix.{key}"] for key in ("1x1", "3x3", "5x5", "pool_proj"))
    assert f"name: fc, type: linear, in: {joined}, out: 10" in saved.text


def test_rows_say_how_many_sites_are_wider_and_narrower(tmp_path: Path) -> None:
    result, trials = run(a_study(tmp_path, ONE_EPOCH), tmp_path, trials=3)
    for row in result.best:
        widths = next(trial.widths for trial in trials if trial.number == row.number)
        assert row.wider == sum(width > 4 for width in widths.values())
        assert row.narrower == sum(width < 4 for width in widths.values())
    assert (result.baseline.wider, result.baseline.narrower) == (0, 0)


def made(tmp_path: Path, baseline: float, *best: float) -> StudyResult:
    cost = {"macs": 11_616, "parameters": 870}
    rows = tuple(Row(number, 1, 2, cost, accuracy, accuracy) for number, accuracy in enumerate(best, start=1))
    base = Row(None, 0, 0, cost, baseline, 0.5)
    return StudyResult(a_study(tmp_path), tmp_path, base, rows, None, Tally({}), 270, 1)


def test_the_gain_and_what_chance_alone_gives(tmp_path: Path) -> None:
    result = made(tmp_path, 0.9, 0.91, 0.85)
    assert result.gain == pytest.approx(0.01)
    assert result.standard_error == pytest.approx((0.9 * 0.1 / 270) ** 0.5)
    assert made(tmp_path, 1.0, 0.9).standard_error == result.standard_error  # a perfect score is not a certain one
    assert made(tmp_path, 0.9).gain == 0
    assert replace(result, best=()).gain == 0
