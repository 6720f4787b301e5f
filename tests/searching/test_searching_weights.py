"""A study that starts from weights: the baseline takes them, candidates and finalists the channels that they share."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from support.tiny_studies import ONE_FINAL, SPEC, STUDY, a_study, few_digits, write_digits
from torch import Tensor

from archbuilder import ArchbuilderError, NetworkSpec, SpecError
from archbuilder.data import SOURCES
from archbuilder.runs import read_checkpoint
from archbuilder.searching import Outcome, run_study
from archbuilder.study import Study
from archbuilder.training import CPU

STILL = "train: {epochs: 1, batch_size: 64, learning_rate: 1.0e-30, weight_decay: 0.0, weights: sub/w.safetensors}"


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "digits", few_digits)


def write_weights(folder: Path, seed: int = 0, spec: str = SPEC) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    weights = dict(NetworkSpec.from_text(spec, "tiny.yaml").build().state_dict())
    (folder / "sub").mkdir(exist_ok=True)
    save_file(weights, folder / "sub" / "w.safetensors")
    return weights


def study_of(folder: Path, train: str = STILL, finals: str = ONE_FINAL, **changes: str) -> Study:
    text = STUDY.replace("train: {epochs: 3, batch_size: 256}", train).replace("trials: 8", "trials: 3") + finals
    for old, new in changes.items():
        text = text.replace(old, new)
    return a_study(folder, text)


def trained(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give what a training at a rate of almost nothing leaves as it was."""
    return {key: tensor for key, tensor in tensors.items() if key.endswith(("weight", "bias"))}


def test_every_network_starts_from_the_weights(tmp_path: Path) -> None:
    weights = write_weights(tmp_path)
    run_study(study_of(tmp_path, finals="finals: {candidates: 3, seeds: 1}\n"), runs=tmp_path / "runs")
    finals = tmp_path / "runs" / "tiny-widths" / "finals"
    found = read_checkpoint(next((finals / "baseline").glob("seed-*")))
    for key, tensor in trained(found.weights).items():
        assert torch.allclose(tensor, weights[key]), key
    report = found.setup.weights
    assert report is not None
    assert report.file == str(tmp_path / "sub" / "w.safetensors")
    assert report.taken == report.total
    candidates = [read_checkpoint(run) for run in finals.glob("trial-*/seed-*")]
    narrower = set[bool]()
    for candidate in candidates:
        assert candidate.setup.weights is not None
        assert torch.allclose(candidate.weights["stem.conv.weight"], weights["stem.conv.weight"])
        # Its channels of a branch are those of the baseline with the largest weights, in their order.
        ours, theirs = candidate.weights["mix.branch1.conv.weight"], weights["mix.branch1.conv.weight"]
        narrower.add(len(ours) != len(theirs))
        both = min(len(ours), len(theirs))
        largest = theirs.flatten(1).norm(dim=1).topk(both).indices.sort().values
        assert torch.allclose(ours[:both], theirs[largest])
    assert True in narrower


def test_it_resumes_and_refuses_other_weights(tmp_path: Path) -> None:
    write_weights(tmp_path)
    study = study_of(tmp_path, STILL.replace("1.0e-30", "0.01"))
    first = run_study(study, runs=tmp_path / "runs", trials=1)
    again = run_study(study, runs=tmp_path / "runs")
    assert again.record.trials[0].accuracies == first.record.trials[0].accuracies
    whole = run_study(study, runs=tmp_path / "others")
    accuracies = [[trial.accuracies for trial in each.record.trials.values()] for each in (again, whole)]
    assert accuracies[0] == accuracies[1]
    write_weights(tmp_path, seed=1)
    with pytest.raises(ArchbuilderError, match=r"trials that started from other weights than now are in .*w\.safetens"):
        run_study(study, runs=tmp_path / "runs")


def test_weights_that_do_not_fit_leave_no_folder(tmp_path: Path) -> None:
    write_weights(tmp_path, spec=SPEC.replace("out: 4, kernel", "out: 6, kernel").replace("in: 4", "in: 6"))
    with pytest.raises(ArchbuilderError, match=r"w\.safetensors: does not fit: "):
        run_study(study_of(tmp_path), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    partial = STILL.replace("weights:", "partial: true, weights:")
    assert run_study(study_of(tmp_path, partial, finals="finals: {candidates: 0}\n"), runs=tmp_path / "runs").best(1)
    (tmp_path / "sub" / "w.safetensors").unlink()
    with pytest.raises(ArchbuilderError, match=r"w\.safetensors: no such file"):
        run_study(study_of(tmp_path, STILL.replace("batch_size: 64", "batch_size: 32")), runs=tmp_path / "fresh")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("freeze: stemm", r"freeze 'stemm': no layer has such a name; did you mean stem\?"),
        ("freeze: '*'", "every parameter is frozen"),
        ("freeze_epochs: 1", "every parameter is frozen"),  # as all of it is loaded
    ],
)
def test_what_cannot_be_frozen(tmp_path: Path, more: str, message: str) -> None:
    write_weights(tmp_path)
    with pytest.raises(ArchbuilderError, match=message):
        run_study(study_of(tmp_path, STILL.replace("weights:", f"{more}, weights:")), runs=tmp_path / "runs")


def test_candidates_freeze_what_they_have_of_the_layers(tmp_path: Path) -> None:
    weights = write_weights(tmp_path)
    train = STILL.replace("1.0e-30", "0.01").replace("weights:", "freeze: 'stem,mix.branch2*', weights:")
    space = {'"mix.*": {scale: [0.5, 3.0], multiple_of: 2}': '"mix.3x3": [0, 4, 8]'}
    result = run_study(study_of(tmp_path, train, finals="finals: {candidates: 2, seeds: 1}\n", **space), runs=tmp_path)
    assert result.tally[Outcome.FAILED] == 0
    for run in (tmp_path / "tiny-widths" / "finals").glob("trial-*/seed-*"):
        checkpoint = read_checkpoint(run)
        assert torch.equal(checkpoint.weights["stem.conv.weight"], weights["stem.conv.weight"])
        has_branch = any(key.startswith("mix.branch2") for key in checkpoint.weights)
        assert checkpoint.setup.settings.freeze == ("stem,mix.branch2*" if has_branch else "stem")


def test_workers_find_the_weights_too(tmp_path: Path) -> None:
    write_weights(tmp_path)
    write_digits(tmp_path / "digits.npz")
    changes: dict[str, Any] = {"data: digits": "data: npz:digits.npz", "trials: 3": "trials: 2"}
    study = study_of(tmp_path, finals="finals: {candidates: 0}\n", **changes)
    result = run_study(study, runs=tmp_path / "runs", machines=(CPU, CPU))
    alone = run_study(study, runs=tmp_path / "alone")
    found, expected = ({trial.accuracy for trial in each.record.trials.values()} for each in (result, alone))
    assert found == expected


def test_a_study_says_what_is_wrong_with_its_keys(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"train\.weights"):
        study_of(tmp_path, "train: {weights: 3}")
    with pytest.raises(SpecError, match=r"train\.partial"):
        study_of(tmp_path, "train: {weights: w.pth, partial: 3}")
