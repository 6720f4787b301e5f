"""Jobs in other processes: with the coordinator's folder, without it, with another version or other images."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny_studies import NO_FINALS, STUDY, write_digits, write_study
from support.trials import a_trial

from archbuilder import ArchbuilderError
from archbuilder.runs import read_checkpoint
from archbuilder.study import load_study
from archbuilder.training import CPU
from archbuilder.trials.jobs import SPEC, Done, Failed, Final, NeedsFiles, Training, final_folder
from archbuilder.trials.pool import _STUDIES, Pool, RemoteRunner, _Given, _loaded
from archbuilder.trials.runner import Runner
from archbuilder.trials.states import state_path

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
    begun = a_trial(3, values, {}, accuracies=(0.1,), ends=((1, 0, 1.0),))
    return Training(a_trial(3, values, {}), 1, keeps=True), Training(begun, 3, keeps=True)


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
    donor = a_trial(3, first.trial.values, {}, accuracies=(0.1,) * 3, ends=((3, 0, 1.0),))
    inheriting = Training(replace(first.trial, number=4), 1, keeps=True, donor=donor)
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


class Here(Executor):
    """Does jobs as workers do, in this process."""

    max_workers, is_undisturbed = 2, False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_a_state_that_is_gone_fails_the_job_of_a_worker_that_does_not_see_the_folder(remote: RemoteRunner) -> None:
    elsewhere = replace(remote, folder=remote.folder / "not" / "here")
    pool = Pool(Here(), remote.folder, lambda job, on_epoch: None, elsewhere)
    pool.give(jobs(remote)[1])
    results = [result for _ in range(3) for _, result in pool.wait(lambda job, epoch, accuracy: None)]
    assert [result.kind for result in results if isinstance(result, Failed)] == ["state lost"]
    assert not pool.busy


def test_progress_that_cannot_be_written_or_read_ends_no_training(remote: RemoteRunner) -> None:
    shown = remote.folder / "progress" / "trial-3"
    shown.mkdir()
    assert isinstance(remote(jobs(remote)[0]), Done)
    shown.rmdir()
    shown.write_text("1 0.5\n2 0.2 0.5\n3 0.25\n4")
    pool, seen = Pool(Here(), remote.folder, lambda job, on_epoch: None, remote), list[tuple[int, float]]()
    pool._show(_Given(jobs(remote)[0]), lambda job, epoch, accuracy: seen.append((epoch, accuracy)))
    assert seen == [(1, 0.5), (3, 0.25)]


def test_a_worker_loads_a_study_once_for_all_its_sessions_and_keeps_few(remote: RemoteRunner) -> None:
    _loaded.cache_clear()
    study = remote.study.read(remote.file, remote.path)
    for number in range(4):
        (folder := remote.folder / f"resumed-{number}").mkdir()
        again = RemoteRunner.of(study, folder, Runner(study, folder, CPU), CPU)
        assert again._runner(folder).data is _loaded(remote).data
    for latency in range(4):
        _loaded(replace(remote, latency=latency))
    assert _loaded.cache_info().currsize == _STUDIES


def test_another_version_and_other_images_are_refused(remote: RemoteRunner) -> None:
    first, _ = jobs(remote)
    with pytest.raises(ArchbuilderError, match=r"archbuilder .*, the coordinator 0\.0\.1: install the same"):
        replace(remote, version="0.0.1")(first)
    with pytest.raises(ArchbuilderError, match="a worker has other images than the coordinator; copy"):
        replace(remote, images=(("train", "0"),))(first)
