from collections.abc import Iterator

import pytest
import torch

from archbuilder.runs import RunResult
from runs.tiny_runs import begin


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A complete run, which nobody may change."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    result = begin(tmp_path_factory.mktemp("done") / "run")
    torch.set_num_threads(before)
    return result
