"""Read and check a spec, and locate errors at the lines that cause them."""

from archbuilder.errors import Source, raise_if_any
from archbuilder.plan.causes import located_at_causes
from archbuilder.plan.claims import claims_as_written, wrong_claims_of_extended
from archbuilder.plan.plan import Plan
from archbuilder.plan.planner import try_plan
from archbuilder.spec.document import SpecDocument, read_spec


def read_checked(source: Source) -> tuple[SpecDocument, Plan]:
    """Read a spec and plan it; its declared inputs, and those of the files it extends, are checked as claims.

    Raises:
        SpecError: Something is wrong; with every problem found.
    """
    document, problems = read_spec(source)
    plan, more = try_plan(document)
    problems = [*problems, *more]
    if document.is_multiplied:  # otherwise the plan has checked its claims
        problems += claims_as_written(document).wrong
    raise_if_any([*located_at_causes(document, problems), *wrong_claims_of_extended(document)])
    assert plan is not None
    return document, plan
