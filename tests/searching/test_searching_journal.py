"""The journal: what is refused under an old name, and what is mended."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from archbuilder import ArchbuilderError
from archbuilder.data import SOURCES, RawData
from archbuilder.data.address import Address
from archbuilder.searching import run_study
from archbuilder.searching.opening import open_journal
from searching.tiny_studies import NO_FINALS, SPEC, STUDY, a_study, few_digits, run

TEXT = STUDY.replace("epochs: 3", "epochs: 1") + NO_FINALS


def test_a_line_cut_short_and_what_was_left_behind_are_mended(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    run(study, tmp_path, trials=1)
    folder = tmp_path / study.name
    with (folder / "journal.log").open("a") as file:
        file.write('{"op_code":5,"worker_id":"half a li')
    for name in ("journal.log.lock", ".best.yaml.ab12_xyz", ".trials.csv.ab12_xyz"):
        (folder / name).touch()
    (folder / "states").mkdir(exist_ok=True)
    (folder / "states" / ".trial-1-epoch-1.safetensors.ab12_xyz").touch()
    assert run(study, tmp_path, trials=2)[0].tally.counted == 2
    assert not [path for path in folder.rglob("*") if path.name.startswith(".") or path.suffix == ".safetensors"]


def test_a_damaged_journal_is_an_error_with_its_place(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    run(study, tmp_path, trials=1)
    journal = tmp_path / study.name / "journal.log"
    journal.write_bytes(b"not json\n" + journal.read_bytes())
    with pytest.raises(
        ArchbuilderError, match=r"journal\.log: is damaged and cannot be read .*; delete .*tiny-widths to"
    ):
        run(study, tmp_path)


def test_an_open_journal_is_nobody_elses(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    with (
        open_journal(study, tmp_path / study.name),
        pytest.raises(ArchbuilderError, match=r"^tiny-widths in .* is running already, in process \d+; wait for it"),
    ):
        run(study, tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ArchbuilderError, match="runs"):
        run(a_study(tmp_path, TEXT), tmp_path / "runs")


def test_other_images_under_an_old_study_are_refused(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    run(study, tmp_path, trials=1)

    def other(address: Address) -> RawData:
        digits = few_digits(address)
        return replace(digits, train=digits.train.take(torch.arange(280)))

    with (
        patch.dict(SOURCES, {"digits": other}),
        pytest.raises(ArchbuilderError, match=r"holds trials on other images of digits\n  the images to train were 2"),
    ):
        run_study(study, runs=tmp_path, trials=2)


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("epochs: 1", "epochs: 4", r"train\.epochs was 1 and is 4 now"),
        ("20k", "21k", r"budget\.macs was 20,?000 and is 21,?000 now"),
        ("macs: 20k", "macs: 20k, parameters: 9k", r"budget\.parameters was not there and is 9,?000 now"),
        ("3.0]", "4.0]", r"space\.mix\.1x1 was 2 to 12 by 2 and is 2 to 16 by 2 now"),
        ('"mix.*"', '"mix.1x1"', r"space\.mix\.3x3red was 2 to 12 by 2 and is not there now"),
        ("seed: 3", "seed: 4", r"search\.seed was 3 and is 4 now"),
        ("seed: 3", "seed: 3, pruner: none", r"search\.pruner was hyperband and is none now"),
    ],
)
def test_another_study_of_the_same_name_is_refused(tmp_path: Path, old: str, new: str, difference: str) -> None:
    with open_journal(a_study(tmp_path, TEXT), tmp_path / "tiny-widths"):
        pass
    assert old in TEXT
    with pytest.raises(ArchbuilderError, match=difference) as caught:
        run(a_study(tmp_path, TEXT.replace(old, new)), tmp_path)
    assert "holds trials of a study of this name that was another" in str(caught.value)
    assert f"or delete {tmp_path / 'tiny-widths'} to start over" in str(caught.value)


def test_another_spec_is_refused_with_the_line_that_differs(tmp_path: Path) -> None:
    with open_journal(a_study(tmp_path, TEXT), tmp_path / "tiny-widths"):
        pass
    changed = SPEC.replace("kernel: 3, stride: 2", "kernel: 5, stride: 2")
    with pytest.raises(
        ArchbuilderError, match=r"spec line \d+ was - \{name: stem, .*kernel: 3.* and is .*kernel: 5.* now"
    ):
        run(a_study(tmp_path, TEXT, changed), tmp_path)


def test_comments_and_the_number_of_trials_may_change(tmp_path: Path) -> None:
    with open_journal(a_study(tmp_path, TEXT), tmp_path / "tiny-widths"):
        pass
    changed = "# new\ndescription: new\n" + SPEC.replace("and another", "changed").replace(", type:", ",  type:")
    longer = "# new\n" + TEXT.replace("trials: 8", "trials: 9")
    with open_journal(a_study(tmp_path, longer, changed), tmp_path / "tiny-widths"):
        pass
