"""A study with a budget on latency, its networks timed by a formula."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console, RenderableType
from support.tiny_studies import STUDY, a_study, run

from archbuilder import ArchbuilderError, SpecError
from archbuilder.pages.study import page_text
from archbuilder.plan.plan import Plan
from archbuilder.report.front import front_points
from archbuilder.report.kept import kept_studies, studies_table
from archbuilder.report.search import LineView, progress_panel
from archbuilder.report.search_progress import StudyProgress
from archbuilder.report.search_table import result_table
from archbuilder.report.space import space_as_data, space_report
from archbuilder.report.studies import comparison_report, study_as_data, study_report
from archbuilder.report.study_texts import widths_texts
from archbuilder.searching import Event, LatencyMeasured, Message, Stopwatch, StudyOpened
from archbuilder.survey import survey
from archbuilder.training import CPU, Machine

TEXT = STUDY.replace("{macs: 20k}", "{latency: 80%}\nlatency: {batch_size: 16}").replace("epochs: 3", "epochs: 1")
TEXT = TEXT.replace("seed: 3", "seed: 3, sampler: random, pruner: none") + "finals: {candidates: 1, seeds: 1}\n"
CONDITIONS = "batch size 16 on cpu with 1 thread"


def timer(plan: Plan, machine: Machine, batch_size: int) -> int:
    assert batch_size == 16
    return 200 + plan.macs // 10


def text_of(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_a_latency_is_shown_wherever_macs_are_and_all_that_is_compared_is_within_it(tmp_path: Path) -> None:
    events: list[Event] = []
    result, trials = run(a_study(tmp_path, TEXT), tmp_path, trials=3, observe=events.append, timer=timer)
    limit = result.study.budgets[0].limits.by_quantity["latency"].high
    own = f"{result.baseline.cost['latency'] / 1000:.3g} ms"
    for row in result.rows[1:]:
        latency = row.cost["latency"]
        assert latency == 200 + row.spec.plan().macs // 10 <= limit
        assert row.name != "scaled" or latency > 0.7 * limit
        assert row.name != "scaled" or all(
            width % 2 == 0 for name, width in row.spec.widths.items() if name.startswith("mix.")
        )
    assert "scaled" in [row.name for row in result.rows]

    folder = next(study for study in kept_studies(tmp_path) if study.folder.name == result.study.name)
    shown = {
        "end": text_of(result_table(result)),
        "show": text_of(study_report(result, "finished")),
        "list": text_of(studies_table([folder])),
        "compare": text_of(comparison_report([result, result])),
        "page": page_text(result, {}),
    }
    for name, text in shown.items():
        assert "latency" in text, name
        assert name == "list" or (own in text and CONDITIONS in text), name
    data = json.loads(json.dumps(study_as_data(result, "finished")))
    assert data["latency_measured_with"] == CONDITIONS
    costs = [data["baseline"], *data["finals"], *data["trials"]]
    assert all("latency" in entry["cost"] for entry in costs)
    lines = list(csv.DictReader((result.folder / "trials.csv").read_text().splitlines()))
    assert [int(line["latency"]) for line in lines] == [trial.cost["latency"] for trial in [result.baseline, *trials]]
    points = front_points(result)
    assert points.quantity == "latency"
    assert {dot.cost for dot in points.tested} == {row.cost["latency"] for row in result.rows}

    view = LineView(Console(file=io.StringIO(), width=200))
    for event in events:
        view(event)
    assert isinstance(view.console.file, io.StringIO)
    told = view.console.file.getvalue()
    for what in ("the baseline", "networks near the budget", "the uniformly scaled baseline"):
        assert f"measuring the latency of {what}: {CONDITIONS}" in told
    assert " ms" in next(line for line in told.splitlines() if line.startswith("1/"))
    first = next(number for number, event in enumerate(events) if isinstance(event, StudyOpened))
    assert any(isinstance(event, LatencyMeasured) for event in events[:first])
    progress = StudyProgress()
    progress.take(events[first])
    progress.take(LatencyMeasured("a candidate", 1234, CONDITIONS))
    progress.take(LatencyMeasured("a candidate", 1300, CONDITIONS))
    assert f"latency a candidate 2 measurements, the last 1.3 ms {CONDITIONS}" in text_of(progress_panel(progress))


def test_a_candidate_that_cannot_be_measured_ends_no_search(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    asked: list[int] = []

    def short(plan: Plan, machine: Machine, batch_size: int) -> int:
        asked.append(plan.macs)
        if plan.macs > study.spec.plan().macs:
            raise RuntimeError("CUDA out of memory\nTried to allocate")
        return timer(plan, machine, batch_size)

    said: list[Event] = []
    result, trials = run(study, tmp_path, trials=3, timer=short, observe=said.append)
    assert len(trials) == 3
    assert Message("the latency of a candidate cannot be measured: CUDA out of memory") in said
    assert max(asked) > study.spec.plan().macs
    assert all(trial.cost["macs"] <= study.spec.plan().macs for trial in result.record.counted)


def test_a_baseline_that_cannot_be_measured_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    def short(plan: Plan, machine: Machine, batch_size: int) -> int:
        raise RuntimeError("CUDA out of memory\nTried to allocate")

    message = r"^the latency of the baseline cannot be measured: CUDA out of memory$"
    with pytest.raises(ArchbuilderError, match=message):
        run(a_study(tmp_path, TEXT), tmp_path, trials=3, timer=short)


def test_a_study_does_not_go_on_with_latencies_that_are_measured_otherwise(tmp_path: Path) -> None:
    text = (
        TEXT.replace("search: {", "search: {")
        .replace(", threads: 1", "")
        .replace("{batch_size: 16}", "{batch_size: 16}")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.get_num_threads", lambda: 1)
        run(a_study(tmp_path, text), tmp_path, trials=1, timer=timer)
        patch.setattr("torch.get_num_threads", lambda: 2)
        with pytest.raises(ArchbuilderError, match=r"with batch size 16 on cpu with 1 thread\n  .* with 2 threads"):
            run(a_study(tmp_path, text), tmp_path, trials=2, timer=timer)
    with pytest.raises(ArchbuilderError, match=r"latency\.batch_size was 16 and is 8 now"):
        run(a_study(tmp_path, text.replace("16", "8")), tmp_path, trials=2, timer=timer)


def test_a_space_says_what_it_measured(tmp_path: Path) -> None:
    study = a_study(tmp_path, TEXT)
    events: list[Event] = []
    stopwatch = Stopwatch(study, CPU, timer, events.append)
    found = survey(stopwatch.timed(study), measure=stopwatch.measuring("candidates"), draws=500)
    (coverage,) = found.coverages
    assert coverage.measured == 20
    assert coverage.projectable == 1
    assert found.smallest is not None
    assert found.largest is not None
    assert found.smallest["latency"] < found.baseline["latency"] < found.largest["latency"]
    text = text_of(space_report(found))
    assert (
        f"of 20 measured candidates; can be projected onto it: 100 % latency: median, measured with {CONDITIONS}"
        in text
    )
    assert "not measured" not in text
    assert space_as_data(found)["latency_measured_with"] == CONDITIONS
    assert len(events) < 120
    slow = Stopwatch(study, CPU, lambda plan, machine, batch_size: 5000 + plan.macs // 10_000)
    with pytest.raises(
        ArchbuilderError, match=r"the baseline has 5,0.*\n.*\n.*\n  narrower networks are hardly faster"
    ):
        survey(slow.timed(study), measure=slow.measuring("candidates"), draws=500)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{latency: 80%}", "{macs: 80%}", "sets how latency is measured, but no budget bounds it"),
        ("{batch_size: 16}", "{batch_size: 0}", "latency.batch_size"),
        ("{batch_size: 16}", "{device: gpu}", "expected auto, cpu, cuda, cuda:1 or mps"),
        ("{batch_size: 16}", "{batch: 16}", "did you mean batch_size"),
    ],
)
def test_what_is_wrong_with_how_latencies_are_measured(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        a_study(tmp_path, TEXT.replace(old, new))


def test_widths_with_one_possible_value_are_not_counted_as_searched(tmp_path: Path) -> None:
    study = a_study(tmp_path, STUDY.replace('  "mix.*"', '  "stem.out": [4]\n  "mix.*"'))
    assert widths_texts(study) == ["6 searchable widths", "1 width with a single value"]
    tied = a_study(
        tmp_path, STUDY.replace('"mix.*": {scale: [0.5, 3.0], multiple_of: 2}', '"mix.*": {choices: [4], tie: true}')
    )
    assert widths_texts(tied) == ["6 widths with a single value"]
