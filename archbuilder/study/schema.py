"""Study files as JSON Schema (draft 7), for editors."""

import re

from archbuilder.costs.quantities import QUANTITIES
from archbuilder.spec.schema_members import Schema, model_schema, reference
from archbuilder.study.amounts import COUNTS, TIMES
from archbuilder.study.rules import Choices, Scale
from archbuilder.study.settings import PYTHON, StudyFile

_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,15})?"
_SHARE: Schema = {"type": "string", "pattern": r"^\s*[0-9]{1,6}(\.[0-9]{1,6})?\s*%\s*$"}
_AMOUNT: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 1},
        {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*[{''.join(COUNTS)}]?\s*$"},
        _SHARE,
    ]
}
_DURATION: Schema = {
    "anyOf": [{"type": "string", "pattern": rf"^\s*{_NUMBER}\s*({'|'.join(map(re.escape, TIMES))})\s*$"}, _SHARE]
}
_NULL: Schema = {"type": "null"}
_CHOICES: Schema = {
    "anyOf": [
        {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": kind}}
        for kind in ("number", "string", "boolean")
    ]
}


def study_schema() -> Schema:
    """Return the schema of a study file."""
    definitions: Schema = {}
    study = model_schema(StudyFile, definitions)
    for written_otherwise in ("Goal", "Share", "Ladder"):
        definitions.pop(written_otherwise, None)
    properties = study["properties"]
    bounds = definitions["Bounds"]["properties"]
    for name, quantity in QUANTITIES.items():
        amount = reference("duration" if quantity.is_time else "amount")
        bounds[name] = {"anyOf": [amount, _target(amount), _NULL], "description": bounds[name]["description"]}
    properties["budgets"] = _ladder() | {"description": properties["budgets"]["description"]}
    properties["space"] = _mapping(reference("rule")) | {"description": properties["space"]["description"]}
    entry = _mapping({"type": ["boolean", "number", "string"]})
    definitions["SearchSettings"]["properties"]["enqueue"]["items"] = {
        "anyOf": [{"type": "string", "minLength": 1}, entry]
    }
    for model, key in (("Objective", "maximize"), ("SearchSettings", "sampler")):
        names = definitions[model]["properties"][key]
        names["enum"] = [name for name in names["enum"] if name != PYTHON]  # an object, which no file holds
    scale, choices = model_schema(Scale, definitions), model_schema(Choices, definitions)
    factor = {"type": "number", "exclusiveMinimum": 0}
    scale["properties"]["scale"] |= {"type": "array", "minItems": 2, "maxItems": 2, "items": factor}
    choices["properties"]["choices"] = _CHOICES | {"description": choices["properties"]["choices"]["description"]}
    definitions |= {
        "amount": _AMOUNT,
        "duration": _DURATION,
        "rule": {
            "description": "The values of the matched widths or other keys: a range around the baseline, or choices.",
            "anyOf": [scale, choices, _CHOICES],
        },
    }
    required = [key for key in study["required"] if key != "name"]  # that of the file unless given
    for key, schema in properties.items():
        if "$ref" in schema:  # beside which nothing is read
            text = StudyFile.model_fields[key].description
            properties[key] = {"allOf": [{"$ref": schema["$ref"]}], "description": text}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **study,
        "title": "archbuilder study",
        "description": "A search: a baseline spec, its search space, a budget, and how candidates are trained.",
        "required": [*required, "data"],
        "definitions": definitions,
    }


def _target(amount: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "target": {"allOf": [amount], "description": "The target of every candidate."},
            "within": {"anyOf": [_SHARE, _NULL], "description": "The tolerance below the target, such as 1%."},
        },
        "required": ["target"],
        "additionalProperties": False,
    }


def _ladder() -> Schema:
    counted = {name: quantity for name, quantity in QUANTITIES.items() if quantity.count is not None}
    lists = {
        name: _list("duration" if quantity.is_time else "amount") | {"description": f"The budgets on {quantity.noun}."}
        for name, quantity in counted.items()
    }
    named = {
        "type": "object",
        "properties": lists | {"within": _SHARE | {"description": "The tolerance below the budget, such as 2%."}},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in counted],
    }
    return {"anyOf": [_list("amount"), named, _NULL]}


def _list(item: str) -> Schema:
    return {"type": "array", "minItems": 2, "uniqueItems": True, "items": reference(item)}


def _mapping(values: Schema) -> Schema:
    return {"type": "object", "minProperties": 1, "additionalProperties": values}
