"""Search: a study proposes candidates, prices them by the plan, moves them onto the budget, and trains what is left.

study = archbuilder.study.load_study("digits_widths")
result = run_study(study, observe=print)  # in runs/digits-widths; stopped, it goes on when it is called again
result.rows[1].spread.mean, result.best_spec
"""

from archbuilder.searching.chance import ChanceRung
from archbuilder.searching.events import (
    BaselineEnded,
    EpochEnded,
    Event,
    FinalEnded,
    FinalsBegun,
    LatencyMeasured,
    Message,
    Observer,
    PrunedAtChance,
    RandomSearchBegun,
    SpaceExhausted,
    StudyOpened,
    TrialEnded,
)
from archbuilder.searching.finalists import Finalist
from archbuilder.searching.result import StudyResult, read_result
from archbuilder.searching.run import run_study
from archbuilder.searching.stopwatch import Stopwatch
from archbuilder.significance import Difference, Spread
from archbuilder.trials.record import Tally
from archbuilder.trials.trial import Outcome, TrialRecord

__all__ = [
    "BaselineEnded",
    "ChanceRung",
    "Difference",
    "EpochEnded",
    "Event",
    "FinalEnded",
    "Finalist",
    "FinalsBegun",
    "LatencyMeasured",
    "Message",
    "Observer",
    "Outcome",
    "PrunedAtChance",
    "RandomSearchBegun",
    "SpaceExhausted",
    "Spread",
    "Stopwatch",
    "StudyOpened",
    "StudyResult",
    "Tally",
    "TrialEnded",
    "TrialRecord",
    "read_result",
    "run_study",
]
