"""What may be tried, and at what cost: a study's file, its space and its budgets. Nothing is trained here.

study = load_study("digits_widths")
survey(study).coverages[0].projectable, study.pricer.cost(study.space.values_of(study.spec))
"""

from archbuilder.study.reading import load_study
from archbuilder.study.study import Study
from archbuilder.study.survey import Survey, survey

__all__ = ["Study", "Survey", "load_study", "survey"]
