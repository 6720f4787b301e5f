"""Convert errors of the library, which name functions and arguments, to commands and options."""

import ast
import re
import shlex
from functools import partial

_QUOTED = r"('[^'\n]*'|\"[^\"\n]*\")"  # as Python writes a string
_COMMANDS = {
    rf"\bresume_run\({_QUOTED}\)": "archbuilder train --resume {}",
    rf"\btrain_spec\({_QUOTED}, {_QUOTED}\)": "archbuilder train {} --data {}",
    rf"\btrain_spec\({_QUOTED}, DATA\)": "archbuilder train {} --data DATA",
    rf"\bload_study\({_QUOTED}\)": "archbuilder space {}",
    r"\btrain_spec (?=writes)": "archbuilder train ",
    r"\ba checkpoint of train_spec\b": "a checkpoint of archbuilder train",
    r"\brun_study (?=resumes|writes)": "archbuilder search ",
    r"\bresume_run (?=takes)": "archbuilder train --resume ",
    r"\bevaluate_checkpoint (?=takes)": "archbuilder evaluate ",
    r"\banother folder keeps another run\b": "--run FOLDER writes another one elsewhere",
    r"\bchoose an empty folder$": "choose an empty folder with --run FOLDER",
    rf"\bdata={_QUOTED} and (?=split=)": "--data {} ",
    r"^expand: (?=nothing in)": "--expand: ",
    rf"\bdata={_QUOTED}": "--data {}",
    rf"\bdevice={_QUOTED}": "--device {}",
    rf"\bsplit={_QUOTED}": "--split {}",
    r"\bchoose one with split=": "choose one with --split",
    r"(?<=takes )teacher=$": "--teacher",
    r"\bbatch_size=(\d+)": "--batch-size {}",
    rf"\btrain_spec\(SPEC, DATA, weights={_QUOTED}\)": "archbuilder train SPEC --data DATA --weights {}",
    r"\bpartial=True\b": "--partial",
    r"\bskip_broken=True\b": "--skip-broken",
    r"\bdownload=True\b": "--download",
    r"\bforce=True\b": "--force",
    r"^budget\.": "--budget ",
    r"^budget: ": "--budget: ",
    r"^latency\.device: ": "--device: ",
    r"\btry another multiple_of\b": "try another --multiple-of",
    r"\bor format= one of\b": "or --to one of",
    r"\bnormalize and softmax are for\b": "--normalize and --softmax are for",
    r"\bversus_random=True\b": "--versus",
    r"\banother split_seed\b": "another --split-seed",
    r"\bfewer workers(?= \(there are)": "fewer --workers",
    r"(?<=already; )epochs(?= is the total number)": "--epochs",
}
"""Regular expressions for calls and arguments in errors, with the commands and options instead; `{}` is a value."""


def in_command_line_terms(message: str) -> str:
    """Return an error message with functions and arguments replaced by commands and options."""
    for pattern, typed in _COMMANDS.items():
        message = re.sub(pattern, partial(_replacement, typed), message)
    return message


def _replacement(typed: str, found: re.Match[str]) -> str:
    return typed.format(*map(_shell_text, found.groups()))


def _shell_text(value: str) -> str:
    return value if value.isdecimal() else shlex.quote(ast.literal_eval(value))
