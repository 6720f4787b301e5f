"""A baseline whose values the space does not have."""

import csv
from pathlib import Path

import archbuilder
from archbuilder.report.importance import judged_trials
from archbuilder.trials.trial import BASELINE


def test_the_table_of_trials_has_the_true_values_of_a_baseline_outside_the_space(tmp_path: Path) -> None:
    found = archbuilder.search(
        "inception_digits",
        {"inception2a.pool_proj": [0, 4], "dropout.p": [0.1, 0.3], "inception2a.1x1": {"scale": [0.5, 2]}},
        objective=lambda spec: -float(spec.plan().parameters),
        trials=6,
        name="outside",
        runs=tmp_path,
    )
    lines = list(csv.DictReader((tmp_path / "outside" / "trials.csv").read_text().splitlines()))
    spec = archbuilder.load("inception_digits")
    assert lines[BASELINE]["inception2a.pool_proj"] == str(spec.widths["inception2a.pool_proj"]) == "8"
    assert lines[BASELINE]["dropout.p"] == str(spec.value("dropout.p"))
    assert lines[BASELINE]["macs"] == str(spec.plan().macs)
    for line in lines[1:]:
        assert line["inception2a.pool_proj"] in {"0", "4"}
        assert line["dropout.p"] in {"0.1", "0.3"}
    assert BASELINE not in [trial.number for trial in judged_trials(found)]
