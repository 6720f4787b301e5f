from pathlib import Path
from typing import get_args

import pytest
from support.tiny_studies import SPEC, STUDY, a_study, write_study

from archbuilder import ArchbuilderError, SpecError
from archbuilder.budgets.budget import Bounds, Limit
from archbuilder.costs.quantities import QUANTITIES
from archbuilder.searching.halving import brackets
from archbuilder.searching.samplers import SAMPLERS
from archbuilder.spec.sources import shipped_names
from archbuilder.study import load_study
from archbuilder.study.settings import PYTHON, SearchSettings


def changed(old: str, new: str) -> str:
    assert old in STUDY
    return STUDY.replace(old, new)


def test_a_study_says_what_its_file_says(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    assert study.name == "tiny-widths"
    assert study.budgets[0].limits.by_quantity == {"macs": Limit(20_000)}
    assert study.settings.train.epochs == 3
    assert (study.settings.search.sampler, study.settings.search.pruner) == ("tpe", "hyperband")
    assert study.spec.name == "tiny"
    assert study.space.candidates == 6**6


@pytest.mark.parametrize("name", shipped_names("studies"))
def test_shipped_studies_are_good_and_found_by_name(name: str) -> None:
    study = load_study(name)
    assert study.budgets[0].limits.by_quantity
    assert study.space.candidates > 1


def test_the_shipped_digits_study_is_over_the_widths_it_says() -> None:
    study = load_study("digits_widths")
    assert len(study.space.width_names) == 24
    assert study.spec.plan().macs == 1_353_472
    assert [step.limits.by_quantity["macs"].high for step in study.budgets] == [812_083]


def test_the_name_is_the_files_unless_given(tmp_path: Path) -> None:
    assert a_study(tmp_path, changed("name: tiny-widths\n", "")).name == "study"


@pytest.mark.parametrize("name", ["1.10", "007", "0x10", "1e400", "1_000", "true", "no", "2026-01-02"])
def test_names_are_the_strings_that_are_written(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(SPEC)
    study = changed("tiny-widths", name).replace("spec: tiny.yaml", f"spec: {name}")
    assert a_study(tmp_path, study).name == name


def test_a_spec_may_be_a_shipped_one(tmp_path: Path) -> None:
    study = changed("tiny.yaml", "inception_digits").replace("mix.*", "conv1.out").replace("20k", "2M")
    assert a_study(tmp_path, study).spec.name == "inception_digits"


def test_a_spec_is_found_from_the_studys_file_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "tiny.yaml").write_text(SPEC)
    (tmp_path / "studies" / "one.yaml").write_text(changed("tiny.yaml", "../tiny.yaml"))
    monkeypatch.chdir(tmp_path)
    assert load_study("studies/one.yaml").spec.document.source.name == "tiny.yaml"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: tiny-widths", "name: ../up", r"1:7  name\n.*\n.*found the string '\.\./up', expected letters, digits"),
        ("name: tiny-widths", "name: [a]", r"found \[a\], expected letters"),
        (
            "spec: tiny.yaml",
            "spec: inception_digit",
            r"2:7  spec\n.*\n.*no such file beside the study; did you mean inc",
        ),
        ("spec: tiny.yaml", "spec: [3]", r"found \[3\], expected a string"),
        ("spec: tiny.yaml\n", "", r"a study needs 'spec'"),
        ("data: digits", "data: digit", r"3:7  data\n.*\n.*unknown data set 'digit'; did you mean digits\?"),
        ("space:", "spaces:", r"unknown key 'spaces' for a study; did you mean space\?"),
        ("macs: 20k", "macs: 20q", r"6:16  budget\.macs\n.*\n.*found the string '20q', expected the unit k, M or G"),
        ("macs: 20k", "mac: 20k", r"unknown key 'mac' for budget; did you mean macs\?"),
        ("macs: 20k", "flops: 20k", r"expected macs in place of flops: one MAC is two FLOPs"),
        ("epochs: 3", "epochs: 0", r"7:17  train\.epochs\n.*\n.*found 0, expected at least 1"),
        (
            "epochs: 3",
            "epochs: 3, patience: 2",
            r"7:\d+  train\n.*\n.*expected no patience: candidates are compared after the same number of",
        ),
        ("epochs: 3", "epoch: 3", r"unknown key 'epoch' for train; did you mean epochs\?"),
        ("trials: 8, ", "", r"search needs 'trials'"),
        ("trials: 8", "trials: 0", r"found 0, expected at least 1"),
        (
            "seed: 3",
            "sampler: tpee",
            r"found the string 'tpee', expected one of tpe, gp, cmaes, nsga2, qmc, random, python; did you mean tpe\?",
        ),
        ("seed: 3", "pruner: sha", r"found the string 'sha', expected one of hyperband, halving, asha, none"),
        ("seed: 3", "factor: 1", r"search\.factor\n.*\n.*found 1, expected at least 2"),
        ("seed: 3", "min_epochs: 0", r"search\.min_epochs\n.*\n.*found 0, expected at least 1"),
        ("seed: 3", "proxy: {score: zico, of: 1}", r"search\.proxy\.of\n.*\n.*found 1, expected at least 2"),
        (
            "seed: 3",
            "proxy: {score: zic}",
            r"search\.proxy\.score\n.*\n.*found the string 'zic', .* did you mean zico\?",
        ),
        ("search:", "finals: {seeds: 0}\nsearch:", r"finals\.seeds\n.*\n.*found 0, expected at least 1"),
        (
            "search:",
            "finals: {candidate: 2}\nsearch:",
            r"unknown key 'candidate' for finals; did you mean candidates\?",
        ),
        ("seed: 3", "seed: -1", r"found -1, expected at least 0"),
        ("search:", "objective: {maximize: accuracy}\nsearch:", r"expected .*val_accuracy"),
        (
            "search:",
            "objective: val_accuracy\nsearch:",
            r"found the string 'val_accuracy', expected a mapping; did you mean \{maximize: val_accuracy\}\?",
        ),
        (
            "search:",
            "objective: accuracy\nsearch:",
            r"found the string 'accuracy', expected a mapping\n  objective: What .* \{maximize: val_accuracy\}",
        ),
        ("search:", "budget: {macs: 3k}\nsearch:", r"the key 'budget' is already given on line 6"),
        ("tiny-widths", "!!python/object:os.system x", r"the tag .* is not allowed"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        a_study(tmp_path, changed(old, new))


def test_a_budget_that_nothing_can_meet_is_an_error_before_anything_else(tmp_path: Path) -> None:
    expected = r"6:9  budget\n.*\n.*no candidate is within it: the smallest one has 3,984 MACs\n"
    with pytest.raises(SpecError, match=expected + r"  the baseline has 11,616 MACs"):
        a_study(tmp_path, changed("20k", "3983"))
    assert a_study(tmp_path, changed("20k", "3984")).budgets[0].limits.by_quantity == {"macs": Limit(3984)}


def test_a_share_of_the_baseline_bounds_too(tmp_path: Path) -> None:
    study = a_study(tmp_path, changed("20k", "60%, parameters: 150.5 %"))
    own = study.spec.plan()
    assert (own.macs, own.parameters) == (11_616, 870)
    assert study.budgets[0].limits.by_quantity == {"macs": Limit(6_969), "parameters": Limit(1_309)}
    with pytest.raises(SpecError, match=r"no candidate is within it: the smallest one has 3,984 MACs"):
        a_study(tmp_path, changed("20k", "20%"))
    with pytest.raises(SpecError, match=r"6:9  budget\n.*\n.*0\.001% of 11,616 MACs is less than 1"):
        a_study(tmp_path, changed("20k", "0.001%"))


def test_both_quantities_bound(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"the smallest one has 3,984 MACs and 326 parameters"):
        a_study(tmp_path, changed("macs: 20k", "macs: 20k, parameters: 100"))


def test_everything_wrong_with_the_study_and_its_spec_is_said_at_once(tmp_path: Path) -> None:
    study = changed("data: digits", "data: digit").replace("epochs: 3", "epochs: x").replace("20k", "20q")
    with pytest.raises(SpecError, match="4 errors") as caught:
        a_study(tmp_path, study, SPEC.replace("in: 4", "in: 5"))
    assert "declares 5 input channels, but the input has 4" in str(caught.value)


def test_a_file_that_is_no_mapping_or_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="found a list, expected a mapping with the keys name, spec, data"):
        a_study(tmp_path, "- 1\n- 2\n- 3\n- 4\n- 5\n")
    expected = r"digits_width: no such file; did you mean digits_widths\? \(shipped studies: .*digits_widths"
    with pytest.raises(ArchbuilderError, match=expected):
        load_study("digits_width")


def test_a_spec_that_is_no_text_is_the_studys_error(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    (tmp_path / "tiny.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match=r"study\.yaml:2:7  spec\n(.*\n)*.*is not UTF-8 text"):
        load_study(path)


def test_the_tables_name_what_a_study_may_name() -> None:
    fields = SearchSettings.model_fields
    assert {*SAMPLERS, PYTHON} == set(get_args(fields["sampler"].annotation))
    assert all(brackets(pruner, 9, 3, 1) for pruner in get_args(fields["pruner"].annotation))
    assert set(QUANTITIES) == set(Bounds.model_fields) >= {"macs", "parameters", "activations", "memory", "latency"}


def test_a_training_cannot_be_pruned_after_more_epochs_than_it_has(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"search\.min_epochs[\s\S]*found 4, but candidates are trained for 3 epochs"):
        a_study(tmp_path, changed("seed: 3", "seed: 3, min_epochs: 4"))
