"""Errors name arguments in Python, and options on the command line."""

import pytest

from archbuilder.cli.wording import in_command_line_terms


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        (
            "runs/a: already has a run\n  resume_run('runs/a') resumes it; another folder keeps another run",
            "runs/a: already has a run\n  archbuilder train --resume runs/a resumes it; "
            "--run FOLDER writes another one elsewhere",
        ),
        (
            "without it: train_spec('a net.yaml', 'digits')",
            "without it: archbuilder train 'a net.yaml' --data digits",
        ),
        ("train it: train_spec('a.yaml', DATA)", "train it: archbuilder train a.yaml --data DATA"),
        ("check it: load_study('a.yaml')", "check it: archbuilder space a.yaml"),
        (
            "resume_run takes data='folder:x';\n  evaluate_checkpoint takes data='folder:x' and split='unseen', for",
            "archbuilder train --resume takes --data folder:x;\n"
            "  archbuilder evaluate takes --data folder:x --split unseen, for",
        ),
        ("it is the folder of a search: run_study resumes it", "archbuilder search resumes it"),
        ("device 'cuda' is not available: no\n  device='cpu' always is", "--device cpu always is"),
        ("or begin another with batch_size=64 (1.0 MiB)", "or begin another with --batch-size 64 (1.0 MiB)"),
        ("or skip it with skip_broken=True", "or skip it with --skip-broken"),
        ("download=True downloads it", "--download downloads it"),
        ("3 epochs already; epochs is the total number", "--epochs is the total number"),
        ("where it is now: resume_run takes teacher=", "archbuilder train --resume takes --teacher"),
        ("choose one with split=", "choose one with --split"),
        ("use fewer workers (there are 4)", "use fewer --workers (there are 4)"),
        ("budget.macs: found '5x', expected", "--budget macs: found '5x', expected"),
        ("no factor gives a valid network; try another multiple_of", "network; try another --multiple-of"),
        ("or leave out versus_random=True", "or leave out --versus"),
    ],
)
def test_an_error_of_the_library_is_told_with_what_is_typed(said: str, typed: str) -> None:
    found = in_command_line_terms(said)
    assert found.endswith(typed)
    assert in_command_line_terms(found) == found


@pytest.mark.parametrize("text", ["found the string 'split', expected 3", "a.yaml:3:1  layers.conv1\n  kernel=3"])
def test_other_errors_stay_as_they_are(text: str) -> None:
    assert in_command_line_terms(text) == text
