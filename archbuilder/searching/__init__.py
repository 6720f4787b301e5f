"""Search: a study proposes widths, prices them by the plan, and trains what is within the budget.

study = load_study("digits_widths")
result = run_study(study, observe=print)  # in runs/digits-widths; stopped, it goes on when it is called again
result.best[0].test_accuracy, result.best_spec
"""

from archbuilder.searching.events import BaselineEnded, EpochEnded, Event, Observer, StudyOpened, TrialEnded
from archbuilder.searching.record import Outcome, Tally, TrialRecord
from archbuilder.searching.result import Row, StudyResult
from archbuilder.searching.run import run_study
from archbuilder.searching.study import Study, load_study
from archbuilder.searching.survey import Survey, survey

__all__ = [
    "BaselineEnded",
    "EpochEnded",
    "Event",
    "Observer",
    "Outcome",
    "Row",
    "Study",
    "StudyOpened",
    "StudyResult",
    "Survey",
    "Tally",
    "TrialEnded",
    "TrialRecord",
    "load_study",
    "run_study",
    "survey",
]
