import contextlib
import itertools
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import archbuilder
from archbuilder.data import Normalizer, load_data
from archbuilder.errors import ArchbuilderError
from archbuilder.modules.saving import read_tensors, save_tensors
from archbuilder.runs import Checkpoint, RunFolder, RunResult, evaluate_checkpoint, read_checkpoint
from runs.tiny_runs import SPEC, a_spec, begin, go_on


@pytest.fixture
def folder(done: RunResult, tmp_path: Path) -> Path:
    """A copy of the run to spoil."""
    return Path(shutil.copytree(done.folder.path, tmp_path / "copy"))


def rewritten(path: Path, change: Any) -> None:
    """Change the header of a checkpoint, as another version of the program might have written it."""
    tensors, header = read_tensors(path)
    change(header)
    save_tensors(path, tensors, header)


def test_a_run_leaves_two_checkpoints_its_metrics_and_a_lock(done: RunResult) -> None:
    names = sorted(path.name for path in done.folder.path.iterdir())
    assert names == ["best.safetensors", "last.safetensors", "metrics.jsonl", "run.lock", "seen.safetensors"]


def test_a_checkpoint_is_safetensors_with_json_and_holds_its_spec(done: RunResult, tmp_path: Path) -> None:
    script = (
        "import json, sys\n"
        "from safetensors import safe_open\n"
        "with safe_open(sys.argv[1], framework='numpy') as file:\n"
        "    header = json.loads(file.metadata()['archbuilder'])\n"
        "assert not [name for name in sys.modules if name.startswith(('torch', 'archbuilder', 'pickle5'))]\n"
        "print(json.dumps(header))\n"
    )
    header = json.loads(subprocess.check_output([sys.executable, "-c", script, str(done.folder.best)], text=True))
    assert header["setup"]["settings"]["epochs"] == 3
    assert [line["epoch"] for line in header["history"]] == list(range(1, done.best.epoch + 1))
    (tmp_path / "spec.yaml").write_text(header["setup"]["spec"])
    network = archbuilder.load(tmp_path / "spec.yaml").build()
    assert set(load_file(done.folder.best)) == set(network.state_dict())
    network.load_state_dict(load_file(done.folder.best))  # strictly, with nothing left over
    assert header["state"] == {}


def test_weights_are_found_by_name_in_the_last_checkpoint_too(done: RunResult) -> None:
    found = {name for name in load_file(done.folder.last) if not name.startswith("training/")}
    assert found == set(a_spec().build().state_dict())


def test_the_network_of_a_checkpoint_is_the_one_that_was_measured(done: RunResult) -> None:
    # The last epoch of this run is its best: what the trainer had at the end is what was kept.
    assert done.best.epoch == 3
    last, best = read_checkpoint(done.folder.last).network(), read_checkpoint(done.folder.path).network()
    assert not best.training
    images = torch.rand(7, 1, 8, 8)
    assert torch.equal(last(images), best(images))
    assert torch.equal(done.checkpoint().network()(images), best(images))
    built = archbuilder.NetworkSpec.from_text(SPEC, "tiny.yaml").build()
    built.load_state_dict(load_file(done.folder.best))
    logits = built.eval().to(memory_format=torch.channels_last)(images)  # type: ignore[call-overload]
    assert torch.equal(logits, best(images))


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_checkpoint_that_was_cut_off(folder: Path, kept: float) -> None:
    path = folder / "last.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ArchbuilderError, match=r"last\.safetensors: not a whole safetensors file: "):
        go_on(folder)


def spoil(path: Path, position: int, value: bytes) -> None:
    """Write other bytes at a position of a file."""
    content = bytearray(path.read_bytes())
    content[position : position + len(value)] = value
    path.write_bytes(bytes(content))


def test_any_other_byte_is_noticed_or_changes_nothing(folder: Path) -> None:
    path = folder / "best.safetensors"
    content, before = path.read_bytes(), read_checkpoint(path)
    end = 8 + int.from_bytes(content[:8], "little")  # of the header
    places = random.Random(21)
    positions = [*range(8), *places.sample(range(8, end), 60), *places.sample(range(end, len(content)), 60)]
    for position in positions:
        spoil(path, position, bytes([content[position] ^ 1 << places.randrange(8)]))
        with contextlib.suppress(ArchbuilderError):  # a space behind the header's JSON may be another one
            after = read_checkpoint(path)
            assert after.setup == before.setup
            assert position < end
            assert after.weights.keys() == before.weights.keys()
            assert all(torch.equal(after.weights[name], tensor) for name, tensor in before.weights.items())
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["best.safetensors", "last.safetensors"])
def test_zeros_in_the_place_of_weights(folder: Path, name: str) -> None:
    path = folder / name
    size, header = path.stat().st_size, 8 + int.from_bytes(path.read_bytes()[:8], "little")
    half = (size - header) // 2
    spoil(path, size - half, bytes(half))
    other = "holds the last epoch" if name == "best.safetensors" else "holds the network of the best epoch"
    message = rf"{name}: damaged: its content is not what was written .*\n  .*{other}: evaluate_checkpoint takes it"
    with pytest.raises(ArchbuilderError, match=message):
        evaluate_checkpoint(path)
    with pytest.raises(ArchbuilderError, match=f"{name}: damaged"):
        go_on(folder)  # a complete run measures its best epoch


def test_tensors_that_changed_places(folder: Path) -> None:
    path = folder / "best.safetensors"
    tensors, entries = load_file(path), {}
    with safe_open(path, framework="pt") as file:
        entries = file.metadata()
    shapes = {name: tensor.shape for name, tensor in tensors.items() if tensor.dim() == 4}
    first, second = next(pair for pair in itertools.combinations(shapes, 2) if shapes[pair[0]] == shapes[pair[1]])
    save_file(tensors | {first: tensors[second], second: tensors[first]}, path, metadata=entries)
    with pytest.raises(ArchbuilderError, match=r"best\.safetensors: damaged: "):
        read_checkpoint(path)


def test_a_checkpoint_of_something_else(folder: Path) -> None:
    save_file({"weight": torch.zeros(3)}, folder / "last.safetensors")
    with pytest.raises(ArchbuilderError, match="holds weights alone; expected a file that archbuilder wrote"):
        go_on(folder)
    save_tensors(folder / "last.safetensors", {"weight": torch.zeros(3)})
    message = r"last\.safetensors: has only weights; expected a checkpoint of train_spec"
    with pytest.raises(ArchbuilderError, match=message):
        go_on(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda values: values.pop("history"), "'history'"),
        (lambda values: values["setup"].pop("seed"), "1 validation error for RunSetup"),
        (lambda values: values["setup"].update(later="x"), "1 validation error for RunSetup"),
        (lambda values: values["setup"]["settings"].update(epochs="8"), "1 validation error for RunSetup"),
        (lambda values: values["history"][0].update(later=1), "unexpected keyword argument 'later'"),
    ],
)
def test_a_header_of_another_version(folder: Path, change: Any, reason: str) -> None:
    rewritten(folder / "last.safetensors", change)
    message = f"last.safetensors: its header is invalid, or of another version of archbuilder: .*{reason}"
    with pytest.raises(ArchbuilderError, match=message):
        go_on(folder)


def test_a_header_that_is_not_json(folder: Path) -> None:
    save_file({"weight": torch.zeros(3)}, folder / "last.safetensors", metadata={"archbuilder": "{"})
    with pytest.raises(ArchbuilderError, match=r"last\.safetensors: damaged: "):
        go_on(folder)


@pytest.mark.parametrize("missing", ["optimizer", "progress", "scaler"])
def test_a_state_that_lacks_something(folder: Path, missing: str) -> None:
    rewritten(folder / "last.safetensors", lambda values: values["state"].pop(missing))
    with pytest.raises(ArchbuilderError, match=f"this version of archbuilder cannot resume it: '{missing}'"):
        go_on(folder)


def test_tensors_that_lack_one(folder: Path) -> None:
    path = folder / "last.safetensors"
    kept, header = read_tensors(path)
    del kept["fc.bias"]
    save_tensors(path, kept, header)
    with pytest.raises(ArchbuilderError, match="this version of archbuilder cannot resume it: Error"):
        go_on(folder)


def test_the_best_checkpoint_in_the_place_of_the_last(folder: Path) -> None:
    shutil.copy(folder / "best.safetensors", folder / "last.safetensors")
    message = r"has only a network, like best\.safetensors, so it cannot be resumed"
    with pytest.raises(ArchbuilderError, match=message):
        go_on(folder)


def test_weights_of_another_network(folder: Path) -> None:
    path = folder / "best.safetensors"
    rewritten(path, lambda values: values["setup"].update(spec=SPEC.replace("out: 4, kernel: 3", "out: 4, kernel: 5")))
    with pytest.raises(ArchbuilderError, match="the weights are not those of tiny: Error"):
        read_checkpoint(path).network()


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(ArchbuilderError, match=r"nowhere: no run to resume: no such folder$"):
        go_on(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchbuilderError, match=r"empty: no run to resume: last\.safetensors is missing"):
        go_on(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchbuilderError, match=r"file: no run to resume: it is a file; expected the folder of a run"):
        go_on(tmp_path / "file")


def test_a_folder_with_something_else_in_it_takes_no_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".tmpabcdef").write_text("mine")
    with pytest.raises(ArchbuilderError, match=r"run: has \.tmpabcdef, which is not a run's; choose an empty folder"):
        begin(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".tmpabcdef"]


def test_a_disk_that_is_full_costs_the_epoch_under_way_and_no_more(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    folder, before = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    epochs = 0

    def fill(event: Any) -> None:
        nonlocal epochs
        epochs += isinstance(event, archbuilder.runs.EpochEnded)
        if epochs == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # as a full disk, writing fails

    try:
        with pytest.raises(ArchbuilderError, match=r"(best|last)\.safetensors: cannot be written: .*File too large"):
            begin(folder, observe=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(read_checkpoint(folder / "last.safetensors").history) == 1
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    assert len(go_on(folder).history) == 3


def test_what_a_killed_write_left_is_removed_and_nothing_else(folder: Path) -> None:
    left = [".last.safetensors.x1_z", ".best.safetensors.abc", ".metrics.jsonl.q3"]
    kept = ["notes.txt", ".hidden", "other.safetensors", ".tmp", ".tmpabcdef", ".tmpFPXacI"]
    for name in (*left, *kept):
        (folder / name).write_text("x")
    with RunFolder(folder).locked():
        names = {path.name for path in folder.iterdir()}
    assert not names & set(left)
    assert set(kept) < names


def test_a_users_file_in_the_folder_survives_a_run(tmp_path: Path) -> None:
    folder, seen = tmp_path / "run", set[str]()

    def look(event: Any) -> None:
        (folder / ".tmpabcdef").write_text("mine")
        seen.update(path.name for path in folder.iterdir())

    begin(folder, observe=look)
    go_on(folder, look)
    assert (folder / ".tmpabcdef").read_text() == "mine"
    assert seen == {
        ".tmpabcdef",
        "best.safetensors",
        "last.safetensors",
        "metrics.jsonl",
        "run.lock",
        "seen.safetensors",
    }


def test_a_checkpoint_is_written_beside_its_place_and_nowhere_else(
    done: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = list[str]()
    real = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        written.extend(each.name for each in path.parent.iterdir())
        count = real(path, data)
        written.extend(each.name for each in path.parent.iterdir())
        return count

    monkeypatch.setattr(Path, "write_bytes", write)
    read_checkpoint(done.folder.best).save(tmp_path / "copy.safetensors")
    assert len(set(written)) == 1  # what a kill would leave, and the next process would remove
    assert written[0].startswith(".copy.safetensors.")
    assert (tmp_path / "copy.safetensors").read_bytes() == done.folder.best.read_bytes()


def test_the_parts_of_a_checkpoint(done: RunResult) -> None:
    whole = read_checkpoint(done.folder.last)
    alone = whole.network_alone()
    assert isinstance(alone, Checkpoint)
    assert alone.state.data == {}
    assert set(alone.state.tensors) == set(whole.weights)
    assert whole.setup.normalizer == Normalizer(whole.setup.mean, whole.setup.std)
    assert len(whole.setup.class_names) == 10
    assert whole.state.data["progress"]["epochs"] == 3
    assert load_data("digits").normalizer != whole.setup.normalizer  # which was measured on some of them


def test_images_are_read_by_file_by_folder_and_open(done: RunResult, tmp_path: Path) -> None:
    checkpoint = done.checkpoint()
    colors = np.random.default_rng(0).integers(0, 256, (3, 12, 9, 3), dtype=np.uint8)
    for name, pixels in zip(["b.png", "a.PNG", "c.png"], colors, strict=True):
        Image.fromarray(pixels).save(tmp_path / name, format="png")
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "below").mkdir()
    Image.fromarray(colors[0]).save(tmp_path / "below" / "d.png")
    each = [checkpoint.read_images([tmp_path / name]) for name in ("a.PNG", "b.png", "c.png")]
    assert each[0].shape == (1, 1, 8, 8)
    assert torch.equal(checkpoint.read_images(str(tmp_path / "a.PNG")), each[0])
    assert torch.equal(checkpoint.read_images(tmp_path), torch.cat(each))
    with Image.open(tmp_path / "b.png") as opened:
        assert torch.equal(checkpoint.read_images(opened), each[1])
        assert torch.equal(checkpoint.read_images([tmp_path, opened]), torch.cat([*each, each[1]]))
    assert torch.equal(checkpoint.read_images(Image.fromarray(colors[0])), each[1])


def test_no_images_to_read(done: RunResult, tmp_path: Path) -> None:
    checkpoint = done.checkpoint()
    with pytest.raises(ArchbuilderError, match=rf"^no image to read: found {tmp_path}$"):
        checkpoint.read_images(tmp_path)
    with pytest.raises(ArchbuilderError, match=r"^no image to read: found an empty list$"):
        checkpoint.read_images([])
    with pytest.raises(ArchbuilderError, match=r"one\.jpg: the image cannot be read: No such file or directory"):
        checkpoint.read_images("one.jpg")


def test_a_checkpoint_is_shown_in_a_line(done: RunResult) -> None:
    accuracy = f"{100 * done.best.validation_accuracy:.2f} %"
    shown = repr(read_checkpoint(done.folder.best))
    assert shown == f"Checkpoint('tiny.yaml': 3 of 3 epochs of digits, validation accuracy {accuracy})"
    place = repr(str(done.folder.path))
    assert repr(done) == f"RunResult({place}: 3 of 3 epochs of digits, best validation accuracy {accuracy})"
