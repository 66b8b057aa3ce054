"""The schema of grounds that ships is that of the code, and tells what each field means."""

from typing import get_args

import pytest
from jsonschema import Draft202012Validator, ValidationError

from bounce_watcher.model.grounds import Alarm, AtOnce, Grounds
from bounce_watcher.words import rows, schema
from tests.facts import BY


def test_the_one_that_ships_is_up_to_date() -> None:
    assert schema.shipped() == schema.text(), "write it anew, as the docstring of words/schema.py says"


def test_it_is_a_schema_with_every_kind_of_grounds() -> None:
    document = schema.schema()
    Draft202012Validator.check_schema(document)
    kinds = {each.__name__ for each in (*get_args(Grounds), *get_args(Alarm))}
    assert kinds <= document["$defs"].keys()
    assert len(document["oneOf"]) == len(kinds)


def test_each_name_that_is_told_is_one_of_a_field() -> None:
    used = {
        name for described in schema.schema()["$defs"].values() for name in described.get("properties", {})
    }
    assert used == schema.FIELDS.keys()


def test_it_refuses_what_is_no_such_thing() -> None:
    assert rows.explained(AtOnce("invalid_recipient", BY.at)) == {
        "because": "1 of 1: invalid recipient on 1 March 2026",
        "grounds": {"kind": "at_once", "reason": "invalid_recipient", "at": "2026-03-01T12:00:00Z"},
    }
    validator = Draft202012Validator(schema.schema())
    with pytest.raises(ValidationError):
        validator.validate({"kind": "at_once", "reason": 1, "at": "2026-03-01T12:00:00Z"})
    with pytest.raises(ValidationError):
        validator.validate({"kind": "anything"})
