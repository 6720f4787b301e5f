import builtins
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from archbuilder.errors import ArchbuilderError
from archbuilder.runs import Event, StepTaken, TensorBoard
from runs.tiny_runs import begin, go_on


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]}


def check_metrics(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found = read(folder)
    assert set(found) == set(lines[0]) - {"epoch"}
    for name, points in found.items():
        assert [step for step, _ in points] == [line["epoch"] for line in lines], name
        assert [value for _, value in points] == pytest.approx([line[name] for line in lines], rel=1e-6), name


def test_metrics_are_read_back_and_a_resumed_run_hides_what_was_lost(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    folder = tmp_path / "run"

    def stop(event: Event) -> None:
        if isinstance(event, StepTaken) and (event.step.epoch, event.step.step) == (2, 2):
            os.kill(os.getpid(), signal.SIGINT)

    with TensorBoard() as board:

        def observe(event: Event) -> None:
            board(event)
            stop(event)

        assert begin(folder, observe=observe).interrupted
    check_metrics(folder)
    # As if the process had been killed between the board and the checkpoint: an epoch that is not saved.
    with TensorBoard() as late:
        late._writer = late._open(str(folder / "tensorboard"))
        late._writer.add_scalar("train_loss", 99.0, 2)
    assert (2, 99.0) in read(folder)["train_loss"]
    with TensorBoard() as board:
        go_on(folder, board)
    check_metrics(folder)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError("No module named 'tensorboard'")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    message = r"TensorBoard is not installed: pip install 'archbuilder\[tensorboard\]', or leave out --tensorboard"
    with pytest.raises(ArchbuilderError, match=message):
        TensorBoard()
