"""Study files as JSON Schema (draft 7), for editors."""

import re

from archbuilder.primitives.fields import LARGEST_WIDTH
from archbuilder.spec.schema_members import Schema, model_schema, reference
from archbuilder.study.amounts import DURATIONS, UNITS
from archbuilder.study.budget import WORDS
from archbuilder.study.rules import Choices, Scale
from archbuilder.study.settings import PYTHON, StudyFile

_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,15})?"
_SHARE: Schema = {"type": "string", "pattern": r"^\s*[0-9]{1,6}(\.[0-9]{1,6})?\s*%\s*$"}
_AMOUNT: Schema = {
    "anyOf": [
        {"type": "number", "minimum": 1},
        {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*[{''.join(UNITS)}]?\s*$"},
        _SHARE,
    ]
}
_DURATION: Schema = {
    "anyOf": [{"type": "string", "pattern": rf"^\s*{_NUMBER}\s*({'|'.join(map(re.escape, DURATIONS))})\s*$"}, _SHARE]
}
_WIDTH: Schema = {"type": "integer", "minimum": 0, "maximum": LARGEST_WIDTH}
_NULL: Schema = {"type": "null"}
_CHOICES: Schema = {
    "anyOf": [
        {"type": "array", "minItems": 1, "uniqueItems": True, "items": items} for items in (_WIDTH, {"type": "string"})
    ]
}


def study_schema() -> Schema:
    """Give the schema of a study file."""
    definitions: Schema = {}
    study = model_schema(StudyFile, definitions)
    for written_otherwise in ("Goal", "Share", "Ladder"):
        definitions.pop(written_otherwise, None)
    properties = study["properties"]
    bounds = definitions["Bounds"]["properties"]
    for name in WORDS:
        described = {"description": bounds[name]["description"]}
        bounds[name] = {"anyOf": [*_bound("duration" if name == "latency" else "amount"), _NULL]} | described
    properties["budgets"] = _ladder() | {"description": properties["budgets"]["description"]}
    properties["space"] = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": reference("rule"),
        "description": properties["space"]["description"],
    }
    entry = {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["integer", "string"]}}
    definitions["SearchSettings"]["properties"]["enqueue"]["items"] = {
        "anyOf": [{"type": "string", "minLength": 1}, entry]
    }
    maximize = definitions["Objective"]["properties"]["maximize"]
    maximize["enum"] = [word for word in maximize["enum"] if word != PYTHON]  # a function, which no file holds
    scale, choices = model_schema(Scale, definitions), model_schema(Choices, definitions)
    scale["properties"]["scale"] |= _range()
    choices["properties"]["choices"] = _CHOICES | {"description": choices["properties"]["choices"]["description"]}
    definitions |= {
        "amount": _AMOUNT,
        "duration": _DURATION,
        "rule": {
            "description": "The values of the matched widths: a range around the baseline, or a list of choices.",
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


def _bound(name: str) -> list[Schema]:
    """Give what a bound may be: an amount, or a target that is reached within a share."""
    target = {
        "type": "object",
        "properties": {
            "target": {"allOf": [reference(name)], "description": "The target of every candidate."},
            "within": {"anyOf": [_SHARE, _NULL], "description": "The tolerance below the target, such as 1%."},
        },
        "required": ["target"],
        "additionalProperties": False,
    }
    return [reference(name), target]


def _ladder() -> Schema:
    amounts: Schema = {"type": "array", "minItems": 2, "uniqueItems": True, "items": reference("amount")}
    quantities = [name for name in WORDS if name != "latency"]
    named = {
        "type": "object",
        "properties": {name: amounts | {"description": f"The budgets on {WORDS[name]}."} for name in quantities}
        | {"within": _SHARE | {"description": "The tolerance below the budget, such as 2%."}},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in quantities],
    }
    return {"anyOf": [amounts, named, _NULL]}


def _range() -> Schema:
    factor = {"type": "number", "exclusiveMinimum": 0}
    return {"type": "array", "minItems": 2, "maxItems": 2, "items": factor}
