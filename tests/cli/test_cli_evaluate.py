import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch
from runs.tiny_runs import begin, few

from archbuilder.data import SOURCES, Address, RawData
from archbuilder.recipe import TrainSettings
from archbuilder.runs import RunResult, read_checkpoint

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def _few_digits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(SOURCES, "digits", few)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    torch.set_num_threads(1)
    return begin(tmp_path_factory.mktemp("evaluate") / "run", TrainSettings(epochs=3, batch_size=64), split_seed=2)


@pytest.fixture
def folder(trained: RunResult) -> str:
    return str(trained.folder.path)


def test_a_trained_network_is_measured_on_its_test_split(run: Run, folder: str) -> None:
    done = run("evaluate", folder)
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[0] == f"{folder} on digits, test split"
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        "accuracy",
        "top 5",
        "loss",
        "calibration error",
        "throughput",
    ]
    assert lines[1].endswith(" %  of 47 images")
    table = lines.index("class  images  accuracy  most often misclassified as")
    assert [line.split()[0] for line in lines[table + 1 : table + 11]] == list("0123456789")
    matrix = next(index for index, line in enumerate(lines) if line.startswith("true \\ predicted "))
    assert [line.split()[0] for line in lines[matrix + 1 : matrix + 11]] == list("0123456789")
    assert all(len(line) <= 80 for line in lines[1:])


def test_as_json(run: Run, folder: str) -> None:
    done = run("evaluate", folder, "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["data"], found["split"], found["images"]) == ("digits", "test", 47)
    assert found["epochs"] == len(read_checkpoint(Path(folder)).history)
    confusion = torch.tensor(found["confusion"])
    assert int(confusion.sum()) == 47
    assert found["accuracy"] == pytest.approx(int(confusion.diag().sum()) / 47)
    assert found["class_accuracies"]["3"] == pytest.approx(int(confusion[3, 3]) / int(confusion[3].sum()))
    assert found["accuracy"] <= found["top5"] <= 1
    assert found["loss"] > 0
    assert found["images_per_second"] > 0


def test_validation_equals_what_training_said_of_the_best_epoch(run: Run, folder: str, trained: RunResult) -> None:
    found = json.loads(run("evaluate", folder, "--split", "validation", "--json").stdout)
    assert found["images"] == 47
    assert found["accuracy"] == trained.best.validation_accuracy
    assert found["loss"] == pytest.approx(trained.best.validation_loss, rel=1e-6)


def test_folder_or_file_and_the_size_of_batches_decide_nothing(run: Run, folder: str) -> None:
    texts = [
        json.loads(run("evaluate", *arguments, "--json").stdout)
        for arguments in ((folder,), (f"{folder}/best.safetensors",), (folder, "--batch-size", "5"))
    ]
    for text in texts:
        del text["images_per_second"]
    assert texts[0] == texts[1]
    assert texts[2]["confusion"] == texts[0]["confusion"]
    assert texts[2]["loss"] == pytest.approx(texts[0]["loss"], rel=1e-5)


def test_the_last_epoch_can_be_measured_too(run: Run, folder: str) -> None:
    found = json.loads(run("evaluate", f"{folder}/last.safetensors", "--json").stdout)
    assert found["epochs"] == 3


def test_the_training_split_is_that_of_the_training(run: Run, folder: str) -> None:
    done = run("evaluate", folder, "--split", "train")
    assert f"{folder} on digits, train split\n" in done.stdout
    assert " of 206 images" in done.stdout


@pytest.mark.parametrize("name", ["nowhere", "nowhere/best.safetensors"])
def test_a_checkpoint_that_is_not_there(run: Run, tmp_path: Path, name: str) -> None:
    done = run("evaluate", str(tmp_path / name))
    assert done.returncode == 1
    expected = f"{tmp_path / name}: no such checkpoint; archbuilder train writes best.safetensors and last.safetensors"
    assert done.stderr.startswith(expected)


def test_a_folder_without_a_run(run: Run, tmp_path: Path) -> None:
    done = run("evaluate", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path}/best.safetensors: no such checkpoint" in done.stderr


def test_a_file_that_is_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    done = run("evaluate", str(tmp_path / "notes.txt"))
    assert done.returncode == 1
    assert f"{tmp_path}/notes.txt: not a whole safetensors file: " in done.stderr


def test_data_that_does_not_fit(run: Run, folder: str, tmp_path: Path) -> None:
    images = np.zeros((40, 9, 8), np.uint8)
    np.savez(tmp_path / "wrong.npz", images=images, labels=np.arange(40) % 4)
    done = run("evaluate", folder, "--data", f"npz:{tmp_path}/wrong.npz")
    assert done.returncode == 1
    assert "the network does not fit the data set" in done.stderr
    assert "input: the spec takes 1 x 8 x 8 (channels x height x width), the images are 1 x 9 x 8" in done.stderr


def test_data_that_is_unknown_or_changed(run: Run, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "unknown data set 'digit'" in run("evaluate", folder, "--data", "digit").stderr
    monkeypatch.undo()  # all the digits now
    done = run("evaluate", folder)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "digits: the images have changed since the run began",
        "  there were 206 training images, and now there are 1,259",
        "  there were 47 validation images, and now there are 269",
        "  there were 47 test images, and now there are 269",
        "  restore them, or accept the change: archbuilder train --resume takes --data digits;",
        "  archbuilder evaluate takes --data digits --split unseen, for the images that the run has not seen",
    ]
    done = run("evaluate", folder, "--data", "digits")
    assert done.returncode == 1
    assert done.stderr == (
        "digits: not a test set: of these 1,797 images, it was trained on 206 and its best epoch was selected by 47\n"
        "  --split unseen evaluates the other 1,544\n"
    )
    done = run("evaluate", folder, "--data", "digits", "--split", "unseen")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{folder} on digits, unseen images\nskipped: 206 images that it was trained on, 47")
    assert "of 1,544 images" in done.stdout


def test_memory_that_does_not_suffice(run: Run, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **more: object) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    monkeypatch.setattr("archbuilder.runs.evaluating.evaluate", fail)
    done = run("evaluate", folder, "--batch-size", "40")
    assert done.returncode == 1
    assert done.stderr.startswith("out of memory with 40 images at once: their tensors alone take ")
    assert "\n  try --batch-size 20 (" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'CHECKPOINT'"),
        (("x", "--split", "tests"), "'--split': Value error, 'tests' is not one of"),
        (("x", "--batch-size", "0"), "'--batch-size': Input should be greater than or equal to 1"),
    ],
)
def test_bad_usage(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("evaluate", *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_a_run_that_moved(run: Run, folder: str, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "moved")
    one, other = (json.loads(run("evaluate", str(where), "--json").stdout) for where in (folder, moved))
    assert one["confusion"] == other["confusion"]


NAMES = tuple("0123456789")


def renamed(names: tuple[str, ...]) -> Callable[[Address], RawData]:
    return lambda address: replace(few(address), class_names=names)


def test_classes_are_matched_by_name(run: Run, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = json.loads(run("evaluate", folder, "--json").stdout)

    def reordered(address: Address) -> RawData:
        data = few(address)
        return replace(data, train=data.train.labeled(9 - data.train.labels), class_names=NAMES[::-1])

    monkeypatch.setitem(SOURCES, "digits", reordered)
    after = json.loads(run("evaluate", folder, "--data", "digits", "--json").stdout)
    assert (after["confusion"], after["notes"]) == (before["confusion"], [])


def test_class_names_that_overlap_but_differ_are_refused(
    run: Run, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "digits", renamed((*NAMES[:9], "ten")))
    for more in ((), ("--json",)):
        done = run("evaluate", folder, "--data", "digits", *more)
        assert done.returncode == 1
        assert done.stderr.startswith(
            "digits: found classes unknown to the training: ten; expected some or all classes of"
        )


def test_classes_of_other_names_are_shown_by_them_and_it_is_said(
    run: Run, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    monkeypatch.setitem(SOURCES, "digits", renamed(words))
    done = run("evaluate", folder, "--data", "digits")
    assert done.returncode == 0, done.stderr
    assert "had other class names" in done.stdout
    assert "0, 1, 2, 3, 4, …" in done.stdout
    for word in words:
        assert f"\n{word} " in done.stdout
    found = json.loads(run("evaluate", folder, "--data", "digits", "--json").stdout)
    assert tuple(found["class_accuracies"]) == words
    monkeypatch.setitem(SOURCES, "digits", few)
    assert "had other class names" not in run("evaluate", folder, "--data", "digits").stdout


def test_a_folder_of_runs_names_the_runs_in_it(run: Run, tmp_path: Path) -> None:
    for place in ("runs/digits", "runs/digits-2", "runs/study/finals/baseline/seed-1"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "best.safetensors").touch()
    for folder, inside in (
        ("runs", "runs/digits, runs/digits-2"),
        ("runs/study", "runs/study/finals/baseline/seed-1"),
    ):
        done = run("evaluate", str(tmp_path / folder))
        named = ", ".join(str(tmp_path / place) for place in inside.split(", "))
        message = f"{tmp_path / folder}: is not a run but has runs in it; name one of them: {named}\n"
        assert (done.returncode, done.stderr) == (1, message)
