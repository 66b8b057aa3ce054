"""The API against its own description: whatever is sent, answers are those that it names."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks

from bounce_watcher.web.application import application
from bounce_watcher.web.context import WebContext
from tests.examples import examples
from tests.ledger.making import Platform, bounce, page, record
from tests.web.conftest import BEARER, Web

PATHS = {
    ("GET", "/events"), ("GET", "/suppressions"), ("GET", "/recipients"),
    ("GET", "/outbox"), ("GET", "/outbox/{item_id}"), ("GET", "/stats"),
    ("POST", "/suppressions"), ("DELETE", "/suppressions"), ("POST", "/outbox/retry"), ("POST", "/outbox/discard"),
    ("POST", "/outbox/pause"), ("POST", "/outbox/resume"),
    ("POST", "/sent"), ("POST", "/delivered"),
}
HERE = {"host": "127.0.0.1", **BEARER}
CHECKS = [
    checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance, checks.negative_data_rejection,
]
"""All but that whatever fits the description is accepted: a date may lie behind us, and a place be none of ours."""


def described(client: Web) -> Any:
    record(client.ledger, page(*(bounce(f"m{number}", f"user{number}@example.org") for number in range(5))), Platform())
    app = application(WebContext(client.settings, client.ledger, lambda: client.stuck, client.state))
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HERE)
    schema.config.generation.update(with_security_parameters=False)  # tests/web/test_access.py is on the way in
    return schema


def test_the_way_in_is_described(web: Callable[..., Web]) -> None:
    told = web().get("/api/v1/openapi.json").json()
    assert [each["scheme"] for each in told["components"]["securitySchemes"].values()] == ["bearer"]
    for path in told["paths"].values():
        for operation in path.values():
            assert operation["security"] == [{"HTTPBearer": []}]
            assert {"401", "403", "429"} <= operation["responses"].keys()


def test_every_path_is_described(web: Callable[..., Web]) -> None:
    found = {(each.ok().method.upper(), each.ok().path) for each in described(web()).get_all_operations()}
    assert found == PATHS


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), sorted(PATHS))
def test_answers_are_as_described(web: Callable[..., Web], method: str, path: str, mode: GenerationMode) -> None:
    schema = described(web())

    @settings(max_examples=examples(25), suppress_health_check=list(HealthCheck))
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.validate_response(case.call(headers=HERE), checks=CHECKS)

    check()
