"""Whatever the tests make the program say is held against the JSON Schema that ships with it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from bounce_watcher.model.grounds_json import as_data
from bounce_watcher.words import schema

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

Shape = tuple[object, ...]


def closed() -> "Draft202012Validator":
    """Strict: a field that the schema does not name is none."""
    from jsonschema import Draft202012Validator  # takes three seconds

    document = schema.schema()
    for described in document["$defs"].values():
        if "properties" in described:
            described["additionalProperties"] = False
    return Draft202012Validator(document)


def shape(value: object) -> Shape:
    """What of a value the schema can object to, but for its texts and numbers: so that each is looked at once."""
    if isinstance(value, Mapping):
        return tuple((name, value[name] if name in {"kind", "why"} else shape(value[name])) for name in sorted(value))
    return (type(value).__name__,)


@pytest.fixture(scope="session", autouse=True)
def payloads_fit_the_schema() -> Iterator[None]:
    validator, seen = closed(), set[Shape]()

    def checked(of: Any) -> Mapping[str, object]:
        data = as_data(of)
        if (found := shape(data)) not in seen:
            validator.validate(data)
            seen.add(found)
        return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bounce_watcher.words.rows.as_data", checked)
        yield
