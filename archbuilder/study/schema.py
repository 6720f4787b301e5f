"""Study files as JSON Schema (draft 7), for editors."""

from typing import Any

from archbuilder.spec.schema_members import Schema, model_schema, reference
from archbuilder.study.lines import Choices, Scale
from archbuilder.study.settings import PYTHON, StudyFile

_LISTS = [
    {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": kind}}
    for kind in ("number", "string", "boolean")
]


def study_schema() -> Schema:
    """Return the schema of a study file."""
    definitions: Schema = {}
    study = model_schema(StudyFile, definitions)
    properties = study["properties"]
    properties["space"] |= _mapping(reference("rule"))
    entry = _mapping({"type": ["boolean", "number", "string"]})
    definitions["SearchSettings"]["properties"]["enqueue"]["items"] = {
        "anyOf": [{"type": "string", "minLength": 1}, entry]
    }
    for model, key in (("Objective", "maximize"), ("SearchSettings", "sampler")):
        names = definitions[model]["properties"][key]
        names["enum"] = [name for name in names["enum"] if name != PYTHON]  # an object, which no file holds
    teacher = definitions["StudyTraining"]["properties"]["teacher"]
    teacher["anyOf"] = [{"type": "string", "minLength": 1}, *teacher["anyOf"]]
    scale, choices = model_schema(Scale, definitions), model_schema(Choices, definitions)
    factor = {"type": "number", "exclusiveMinimum": 0}
    scale["properties"]["scale"] |= {"type": "array", "minItems": 2, "maxItems": 2, "items": factor}
    text = choices["properties"]["choices"]["description"]
    choices["properties"]["choices"] = {"anyOf": _LISTS, "description": text}
    definitions["rule"] = {
        "description": "The values of the matched widths or other keys: a range around the baseline, or choices.",
        "anyOf": [scale, choices, *_LISTS],
    }
    for key, schema in properties.items():
        if "$ref" in schema:  # beside which nothing is read
            text = StudyFile.model_fields[key].description
            properties[key] = {"allOf": [{"$ref": schema["$ref"]}], "description": text}
    required = [key for key in study["required"] if key != "name"]  # that of the file unless given
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **study,
        "title": "archbuilder study",
        "description": "A search: a baseline spec, its search space, a budget, and how candidates are trained.",
        "required": [*required, "data"],
        "definitions": definitions,
    }


def _mapping(values: dict[str, Any]) -> Schema:
    return {"type": "object", "minProperties": 1, "additionalProperties": values}
