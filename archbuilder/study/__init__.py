"""What may be tried, and at what cost: a study's file, its space and its budgets. Nothing is trained here.

study = load_study("digits_widths")
study.space.candidates, study.pricer.cost(study.space.values_of(study.spec))
"""

from archbuilder.study.reading import load_study
from archbuilder.study.study import Study

__all__ = ["Study", "load_study"]
