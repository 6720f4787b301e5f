"""Jobs in other processes: with the coordinator's folder, without it, with another version or other images."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.tiny_studies import NO_FINALS, STUDY, write_digits, write_study

from archbuilder import ArchbuilderError
from archbuilder.runs import read_checkpoint
from archbuilder.searching.jobs import SPEC, Done, Donor, Failed, Final, NeedsFiles, Training, final_folder
from archbuilder.searching.pool import RemoteRunner
from archbuilder.searching.runner import Runner
from archbuilder.searching.states import state_path
from archbuilder.study import load_study
from archbuilder.training import CPU

TEXT = STUDY.replace("data: digits", "data: npz:digits.npz").replace("batch_size: 256", "batch_size: 64") + NO_FINALS


@pytest.fixture
def remote(tmp_path: Path) -> RemoteRunner:
    path = write_study(tmp_path, TEXT)
    write_digits(tmp_path / "digits.npz")
    study, folder = load_study(path), tmp_path / "run"
    folder.mkdir()
    return RemoteRunner.of(study, folder, Runner(study, folder, CPU), CPU)


def jobs(remote: RemoteRunner) -> tuple[Training, Training]:
    study = remote.study.read(remote.file, remote.path)
    values = study.space.values_of(study.spec)
    assert values is not None
    return Training(3, values, 0, 1, keeps=True), Training(3, values, 1, 3, keeps=True)


def test_a_worker_that_sees_the_folder_uses_it(remote: RemoteRunner) -> None:
    first, second = jobs(remote)
    done = remote(first)
    assert isinstance(done, Done)
    assert not done.files
    assert (remote.folder / state_path(3, 1)).is_file()
    assert (remote.folder / "progress" / "trial-3").read_text() == f"1 {done.accuracies[0]!r}\n"
    further = remote(second)
    assert isinstance(further, Done)
    assert len(further.accuracies) == 2


def test_a_worker_that_does_not_see_the_folder_is_sent_files_and_returns_them(remote: RemoteRunner) -> None:
    first, second = jobs(remote)
    expected = [remote(first), remote(second)]
    states = [(remote.folder / state_path(3, epochs)).read_bytes() for epochs in (1, 3)]
    elsewhere = replace(remote, folder=remote.folder / "not" / "here")
    done = elsewhere(first)
    assert isinstance(done, Done)
    assert done.files == {state_path(3, 1): states[0]}
    assert elsewhere(second) == NeedsFiles()
    further = elsewhere(second, done.files)  # type: ignore[arg-type]
    assert isinstance(further, Done)
    assert further.files == {state_path(3, 3): states[1]}
    for one, other in zip([done, further], expected, strict=True):
        assert isinstance(other, Done)
        assert one.accuracies == other.accuracies
    inheriting = replace(first, number=4, donor=Donor(3, first.values, 3))
    assert elsewhere(inheriting) == NeedsFiles()
    assert isinstance(elsewhere(inheriting, {state_path(3, 3): states[1]}), Done)


def test_a_retrained_network_comes_back_with_all_of_its_files(remote: RemoteRunner) -> None:
    study = remote.study.read(remote.file, remote.path)
    spec = final_folder("trial-3") / SPEC
    (remote.folder / spec).parent.mkdir(parents=True)
    study.spec.save(remote.folder / spec)
    final = Final("trial-3", 7)
    elsewhere = replace(remote, folder=remote.folder / "not" / "here")
    done = elsewhere(final, {spec: (remote.folder / spec).read_bytes()})
    assert isinstance(done, Done)
    assert isinstance(remote(final), Done)
    written = {path.relative_to(remote.folder) for path in (remote.folder / final.folder).iterdir()}
    assert set(done.files) == written
    (again := remote.folder / "again").mkdir()
    for path, content in done.files.items():
        (again / path.name).write_bytes(content)
    one, other = (read_checkpoint(place).weights for place in (again, remote.folder / final.folder))
    assert all(torch.equal(one[key], tensor) for key, tensor in other.items())


def test_a_state_that_is_gone_fails_the_job(remote: RemoteRunner) -> None:
    result = remote(jobs(remote)[1])
    assert isinstance(result, Failed)
    assert result.kind == "state lost"


def test_another_version_and_other_images_are_refused(remote: RemoteRunner) -> None:
    first, _ = jobs(remote)
    with pytest.raises(ArchbuilderError, match=r"archbuilder .*, the coordinator 0\.0\.1: install the same"):
        replace(remote, version="0.0.1")(first)
    with pytest.raises(ArchbuilderError, match="a worker has other images than the coordinator; copy"):
        replace(remote, images=(("train", "0"),))(first)
