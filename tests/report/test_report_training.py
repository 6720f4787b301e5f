import io
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console, RenderableType
from runs.tiny_runs import STEPS, begin, go_on

from archbuilder.recipe import TrainSettings
from archbuilder.report.evaluation import class_table, confusion_matrix, evaluation_lines
from archbuilder.report.training import LiveTrainView, TrainView, augmentation, train_view
from archbuilder.report.training_end import run_summary
from archbuilder.runs import Event, RunOpened, StepTaken
from archbuilder.training import Evaluation

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def terminal() -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(force_terminal=True, file=output, width=80, color_system=None, legacy_windows=False), output


def rendered(what: RenderableType, width: int = 80) -> list[str]:
    output = io.StringIO()
    Console(file=output, width=width).print(what)
    return [line.rstrip() for line in output.getvalue().splitlines()]


def plain(text: str) -> str:
    return CONTROL.sub("", text)


def left(text: str) -> list[str]:
    """Give what stays on a terminal: what every control sequence leaves of the lines."""
    lines, row, column = [""], 0, 0
    for part in re.split(r"(\x1b\[[0-9;?]*[a-zA-Z]|\r|\n)", text):
        if part == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.endswith("A") and part.startswith("\x1b["):
            row -= int(part[2:-1] or 1)
        elif part and not part.startswith("\x1b"):
            line = lines[row].ljust(column)
            lines[row] = line[:column] + part + line[column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines]


class Frames:
    """Draws after every step, as the screen would in a slow training."""

    def __init__(self, view: LiveTrainView) -> None:
        self.view, self.frames = view, list[str]()

    def __call__(self, event: Event) -> None:
        self.view(event)
        if isinstance(event, StepTaken):
            self.frames.append(rendered(self.view._bar.get_renderable())[0])


def test_a_terminal_has_a_bar_that_moves_and_leaves_nothing(tmp_path: Path) -> None:
    screen, output = terminal()
    view = train_view(screen)
    assert isinstance(view, LiveTrainView)
    frames = Frames(view)
    with view:
        result = begin(tmp_path / "run", TrainSettings(epochs=2, batch_size=64), observe=frames)
    assert [frame.split("━")[0].strip() for frame in frames.frames] == ["epoch 1/2"] * STEPS + ["epoch 2/2"] * STEPS
    assert "64 of 206 images" in frames.frames[0]
    assert "128 of 206 images" in frames.frames[1]
    assert re.search(r"206 of 206 images, [\d,]+/s\s.*left$", frames.frames[3])
    assert all(len(frame) <= 80 for frame in frames.frames)
    kept = [line for line in left(output.getvalue()) if line]
    assert kept[-3].split() == ["epoch", "train", "loss", "val", "loss", "val", "accuracy", "images/s", "seconds"]
    assert [line.split()[0] for line in kept[-2:]] == ["1/2", "2/2"]
    assert not any("━" in line for line in kept)
    assert output.getvalue().rfind("\x1b[?25h") > output.getvalue().rfind("\x1b[?25l")  # the cursor is shown
    assert len(result.history) == 2


def test_a_run_that_goes_on_starts_its_bar_where_it_is(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StepTaken) and (event.step.epoch, event.step.step) == (2, 2):
            os.kill(os.getpid(), signal.SIGTERM)

    begin(tmp_path / "run", observe=stop)
    screen, output = terminal()
    view = LiveTrainView(screen)
    frames = Frames(view)
    with view:
        go_on(tmp_path / "run", frames)
    assert frames.frames[0].startswith("epoch 2/3")
    assert "192 of 206 images" in frames.frames[0]
    assert "64 of 206 images" in frames.frames[2]
    assert "resuming after 1 epoch and 2 steps of the next" in plain(output.getvalue())


def test_the_bar_goes_when_something_fails(tmp_path: Path) -> None:
    screen, output = terminal()
    view = LiveTrainView(screen)

    def fail(event: Event) -> None:
        view(event)
        if isinstance(event, StepTaken):
            raise LookupError("no")

    with pytest.raises(LookupError), view:
        begin(tmp_path / "run", observe=fail)
    assert not any("━" in line for line in left(output.getvalue()))
    assert output.getvalue().rfind("\x1b[?25h") > output.getvalue().rfind("\x1b[?25l")


def test_elsewhere_there_are_lines_alone(tmp_path: Path) -> None:
    output = io.StringIO()
    view = train_view(Console(file=output, width=80))
    assert type(view) is TrainView
    every = TrainSettings(
        epochs=1, flip=True, crop=2, cutout=3, label_smoothing=0.1, clip_norm=2.0, ema_decay=0.99, patience=4
    )
    with view:
        begin(tmp_path / "run", every, observe=view)
    lines = output.getvalue().splitlines()
    assert lines[0] == "tiny  1 x 8 x 8 -> 10 classes · 870 parameters · 11.6 k MACs"
    assert lines[1].startswith("data  digits: 206 training images, 47 validation images (14 to 17 %")
    assert lines[2].startswith("      ")  # it hangs below what it goes on with
    assert lines[3].startswith("how   1 epoch · batches of 8 · adamw at 0.00375 · one_cycle · flip · crop 2 ·")
    words = " ".join(" ".join(lines[3:6]).split())
    assert "cutout 3 · label smoothing 0.1 · clip norm 2 · ema 0.99 · patience 4 · seed 0" in words
    assert lines[-1].split()[0] == "1/1"
    assert all(len(line) <= 80 for line in lines if not line.startswith("run "))


def test_a_run_of_steps_that_mixes_and_balances_says_so(tmp_path: Path) -> None:
    output = io.StringIO()
    view = TrainView(Console(file=output, width=400))
    recipe = TrainSettings(
        max_steps=3,
        batch_size=64,
        resized_crop=0.5,
        random_erasing=0.25,
        mixup=0.2,
        cutmix=1.0,
        class_weights=(1, 2, *[1] * 8),
        balanced_sampling=True,
        mean=(5,),
        std=(6,),
    )
    begin(tmp_path / "run", recipe, observe=view)
    (how,) = (line for line in output.getvalue().splitlines() if line.startswith("how"))
    assert how.startswith("how   1 epoch · 3 steps · batches of 64 · ")
    assert (
        "one_cycle · balanced sampling · class weights 1, 2, 1, 1, 1, 1, 1, 1, 1, 1 · given mean and std · "
        "resized crop 0.5 · random erasing 0.25 · mixup 0.2 · cutmix 1 · seed 0" in how
    )


def test_nothing_is_said_of_what_is_not_done(tmp_path: Path) -> None:
    opened: list[RunOpened] = []
    begin(
        tmp_path / "run",
        TrainSettings(epochs=1),
        observe=lambda e: opened.append(e) if isinstance(e, RunOpened) else None,
    )
    assert augmentation(opened[0]) == []


def an_evaluation(confusion: torch.Tensor) -> Evaluation:
    images = int(confusion.sum())
    right = float(confusion.diag().sum()) / images
    return Evaluation(images, 0.5, right, 0.9, 0.0123, confusion, 2.0)


def test_figures_have_their_units() -> None:
    found = an_evaluation(torch.eye(10, dtype=torch.int64) * 100)
    assert rendered(evaluation_lines(found, 10)) == [
        "accuracy           100.00 %  of 1,000 images",
        "top 5              90.00 %  of 1,000 images",
        "loss               0.5000  (cross entropy, nats)",
        "calibration error  1.23 %  (expected, 15 bins)",
        "throughput         500 images/s",
    ]
    assert not any(line.startswith("top 5") for line in rendered(evaluation_lines(found, 5)))


def test_classes_and_what_they_are_misclassified_as() -> None:
    found = an_evaluation(torch.tensor([[8, 2, 0], [0, 5, 0], [0, 0, 0]]))
    assert rendered(class_table(found, ("cat", "dog", "[red]"))) == [
        "class  images  accuracy  most often misclassified as",
        "cat        10    80.0 %  dog (2)",
        "dog         5   100.0 %",
        "[red]       0         —",
    ]
    assert rendered(confusion_matrix(found, ("cat", "dog", "[red]"))) == [
        "true \\ predicted cat dog [red]",
        "cat                8   2     ·",
        "dog                ·   5     ·",
        "[red]              ·   ·     ·",
    ]


def test_classes_are_headed_by_their_numbers_where_their_names_take_more_than_a_screen() -> None:
    names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    lines = rendered(confusion_matrix(an_evaluation(torch.eye(10, dtype=torch.int64)), names))
    assert lines[0].split()[-10:] == [str(number) for number in range(10)]
    assert lines[10].startswith("9 Ankle boot")
    digits = rendered(confusion_matrix(an_evaluation(torch.eye(10, dtype=torch.int64)), tuple("0123456789")))
    assert digits[0].split()[-10:] == list("0123456789")
    assert digits[10].split()[0] == "9"


def test_ten_classes_of_thousands_fit_80_columns() -> None:
    names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    found = an_evaluation(torch.full((10, 10), 1000))
    lines = rendered(confusion_matrix(found, names), width=200)
    assert len(lines) == 11
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 80
    assert lines == rendered(confusion_matrix(found, names))


def test_of_many_classes_the_worst_and_the_most_frequent_mistakes_are_shown() -> None:
    confusion = torch.eye(100, dtype=torch.int64) * 50
    confusion[3, 7], confusion[98, 0] = 1234, 60
    names = tuple(f"class {number}" for number in range(100))
    found = an_evaluation(confusion)
    assert rendered(confusion_matrix(found, names)) == [
        "most frequent misclassifications",
        "class 3 predicted as class 7: 1,234",
        "class 98 predicted as class 0: 60",
    ]
    table = rendered(class_table(found, names))
    assert len(table) == 11
    assert table[0].split() == ["worst", "classes", "images", "accuracy", "most", "often", "misclassified", "as"]
    assert [line.split()[1] for line in table[1:3]] == ["3", "98"]
    assert rendered(confusion_matrix(an_evaluation(torch.eye(30, dtype=torch.int64)), names[:30]))[1] == "none"


def test_a_matrix_too_wide_for_a_screen_is_not_shown() -> None:
    names = tuple(str(number) for number in range(20))
    assert rendered(confusion_matrix(an_evaluation(torch.full((20, 20), 9)), names))[0].startswith("true \\ predicted")
    wide = rendered(confusion_matrix(an_evaluation(torch.full((20, 20), 1000)), names))
    assert wide[0] == "most frequent misclassifications"
    assert len(wide) == 11


def test_the_end_of_a_run_that_ended_early(tmp_path: Path) -> None:
    poor = TrainSettings(epochs=9, batch_size=128, learning_rate=1e-9, patience=1)
    lines = rendered(run_summary(begin(tmp_path / "run", poor)), width=200)
    assert lines[0] == "stopped early: 1 epoch without a higher validation accuracy"
    assert re.fullmatch(r"best epoch \d: validation accuracy [\d.]+ % \(47 images\)", lines[1])
    assert lines[2] == ""
    assert lines[-2:] == [
        f"saved: {tmp_path / 'run' / 'best.safetensors'}",
        f"next: archbuilder evaluate {tmp_path / 'run'}   (on the test split, not used so far)",
    ]
