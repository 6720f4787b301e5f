"""Jobs of Slurm, by submitit: `slurm:workers=16,time=8:00:00` and sbatch's options; `local:workers=2` tries it here."""

import subprocess
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError

from archbuilder.errors import ArchbuilderError
from archbuilder.executors.batch import BatchCluster, BatchJob, let_jobs_be_interrupted
from archbuilder.executors.clusters import options_of
from archbuilder.executors.worker import JobFunction, JobOutcome


def open_submitit(address: str, folder: Path, patience: float) -> BatchCluster:
    """Read what an address says; jobs and their logs are in `progress/slurm` of the study's folder."""
    kind, options = address.partition(":")[0], options_of(address)
    workers = int(number) if (number := options.pop("workers", "")).isdecimal() else 0
    if not workers or (kind == "slurm" and "time" not in options):
        raise ArchbuilderError(f"--executor {address}: expected {kind}:workers=16,time=8:00:00 and sbatch's options")
    has_gpus = any(key.startswith("gpus") or (key == "gres" and "gpu" in it) for key, it in options.items())
    place = folder.absolute() / "progress" / kind
    executor = submitit.AutoExecutor(place, cluster=kind)
    more = options | {"no-requeue": True}
    executor.update_parameters(name="archbuilder", timeout_min=10**6, slurm_additional_parameters=more)
    described = "submitit", place, [0.0] * workers, has_gpus, partial(_submit, executor)
    if kind == "slurm":
        return BatchCluster(*described, _queued_by_slurm)
    let_jobs_be_interrupted()  # submitit cancels them by SIGINT
    return BatchCluster(*described, _running_here, looks=1)


def _submit(executor: Any, do: JobFunction) -> BatchJob:
    try:
        job = executor.submit(do)
    except FailedJobError as error:  # what sbatch said
        raise ArchbuilderError(f"--executor: Slurm refuses the job: {error}") from None
    files = job.paths.submitted_pickle, job.paths.result_pickle, job.paths.stderr
    return BatchJob(job.job_id, *files, partial(_result, job), partial(job.cancel, check=False), job)


def _queued_by_slurm(jobs: Collection[BatchJob]) -> set[str]:
    command = ["squeue", "--noheader", "--me", "--format=%A"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.split())


def _running_here(jobs: Collection[BatchJob]) -> set[str]:
    return {job.key for job in jobs if not job.own.done()}


def _result(job: Any) -> JobOutcome:
    try:
        outcome: JobOutcome = job.result()
    except FailedJobError as error:  # it could not begin: the last line of a traceback
        said = str(error).split("\n-----")[:2][-1].rstrip() or "it ended without a word"
        raise ArchbuilderError(said.splitlines()[-1]) from None
    return outcome
