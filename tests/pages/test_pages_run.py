import base64
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from runs.tiny_runs import begin, few_digits
from support.html import check_alone

from archbuilder.errors import ArchbuilderError
from archbuilder.pages.mistakes import PAIRS, PICTURES, mistakes
from archbuilder.pages.opening import write_report
from archbuilder.pages.run import run_page
from archbuilder.runs import Measured, RunResult, evaluate_checkpoint, read_checkpoint
from archbuilder.weights import WeightsReport


@pytest.fixture(scope="module", name="done")
def _done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunResult]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield begin(tmp_path_factory.mktemp("pages") / "run")
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", name="measured")
def _measured(done: RunResult) -> Measured:
    with few_digits():
        return evaluate_checkpoint(done.folder.path, split="validation")


def written(done: RunResult, output: Path, split: str = "validation") -> str:
    with few_digits():
        return write_report(str(done.folder.path), output, runs=output.parent, split=split, device="cpu").read_text()


def test_answers_are_those_that_the_confusion_matrix_counts(measured: Measured) -> None:
    confusion = torch.zeros_like(measured.evaluation.confusion)
    for label, answer in zip(measured.images.labels.tolist(), measured.answers.tolist(), strict=True):
        confusion[label, answer] += 1
    assert torch.equal(confusion, measured.evaluation.confusion)
    assert bool(((measured.confidences > 0.1) & (measured.confidences <= 1)).all())


def test_pictures_are_images_of_the_class_that_was_confused(measured: Measured) -> None:
    found = mistakes(measured)
    wrong = measured.evaluation.confusion.clone().fill_diagonal_(0)
    assert 0 < len(found) <= PAIRS
    assert [one.count for one in found] == sorted(wrong.flatten().tolist(), reverse=True)[: len(found)]
    pixels = next(measured.images.batches([torch.arange(len(measured.images))])).images
    for one in found:
        label, answer = (measured.class_names.index(name) for name in (one.label, one.answer))
        assert one.count == int(wrong[label, answer])
        assert len(one.pictures) == min(one.count, PICTURES)
        who = (measured.images.labels == label) & (measured.answers == answer)
        known = {image.squeeze(0).numpy().tobytes() for image in pixels[who]}
        for picture in one.pictures:
            image = Image.open(io.BytesIO(base64.b64decode(picture.source.partition(",")[2])))
            assert np.asarray(image).tobytes() in known
        certain = [picture.confidence for picture in one.pictures]
        assert certain == sorted(certain, reverse=True)


def test_the_page_of_a_run_stands_alone_and_says_how_it_did(
    done: RunResult, measured: Measured, tmp_path: Path
) -> None:
    page = written(done, tmp_path / "report.html")
    read = check_alone(page)
    said = " ".join(read.texts)
    assert f"{100 * measured.evaluation.accuracy:.2f} % accuracy of {len(measured.images)} images" in said
    assert f"Epoch {done.best.epoch} is the best" in said
    assert "biased upward" in said
    matrix = page[page.index('<table class="confusion">') :]
    cells = re.findall(r'<td class="(right|wrong)"[^>]*>([^<]*)</td>', matrix)
    counts = [0 if text == "·" else int(text) for _, text in cells]
    assert counts == measured.evaluation.confusion.flatten().tolist()
    assert [kind for kind, _ in cells].count("right") == 10


def test_the_test_split_is_opened_only_where_it_is_asked_for(done: RunResult, tmp_path: Path) -> None:
    said = written(done, tmp_path / "test.html", split="test")
    assert "of the test split" in said
    assert "biased upward" not in said
    assert "Open the test split" not in said


def test_the_page_of_a_pruned_network_shows_what_was_cut(done: RunResult, measured: Measured, tmp_path: Path) -> None:
    cuts = {"conv1.out": (16, 12), "gone.1x1": (8, 0), "absent.1x1": (0, 0)}
    weights = WeightsReport(file="w", sha256="", taken=1, total=1, cuts=cuts)
    checkpoint = read_checkpoint(done.folder.path)
    pruned = replace(checkpoint, setup=checkpoint.setup.model_copy(update={"weights": weights}))
    page = run_page(tmp_path / "half", pruned, measured)
    table = page.partition("<h2>Pruning</h2>")[2].partition("</table>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    texts = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows]
    assert texts == [[], ["conv1.out", "16", "12", "75.0 %"], ["gone.1x1", "8", "0", "0.0 %"]]
    widths = [re.findall(r"width:([\d.]+)%", row) for row in rows]
    assert widths == [[], ["75.00", "25.00"], ["0.00", "50.00"]]


def test_a_run_without_an_epoch_has_no_page(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"")
    with pytest.raises(ArchbuilderError, match=r"best\.safetensors: not a whole safetensors file"):
        write_report(str(tmp_path), None, runs=tmp_path)
