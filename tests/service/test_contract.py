"""The API against its own description: every route, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.access import PERMISSIONS, ROLES
from tests.service.conftest import LETTER, Office, open_office

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("contract")
    yield from open_office(f"sqlite:///{folder / 'triage.db'}", folder, rate=0)


def callers(office: Office) -> list[dict[str, str]]:
    """Return new callers who may together do everything."""
    roles = ("reviewer", "analyst", "administrator")
    assert PERMISSIONS.keys() <= set().union(*(ROLES[role] for role in roles))
    return [office.key(role=role) for role in roles]


def _try(operation: Any, everybody: list[dict[str, str]]) -> None:
    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def answers(case: Any) -> None:
        for headers in everybody:
            case.call_and_validate(headers=headers, checks=CHECKS)

    answers()


@pytest.mark.slow
def test_every_route_answers_as_described(alone: Office) -> None:
    api = schemathesis.openapi.from_asgi("/openapi.json", alone.app)
    tried = 0
    for found in api.get_all_operations():
        everybody = callers(alone)  # anew each time: keys and users are among what is removed
        alone.enter(everybody[0])
        _try(found.ok(), everybody)
        tried += 1
    assert tried >= 40


def test_every_route_is_described_for_those_who_call_it(alone: Office) -> None:
    described = alone.client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), (method, path)
            assert "4XX" in route["responses"], (method, path)


def test_examples_of_the_description_work(alone: Office) -> None:
    described = alone.client.get("/openapi.json").json()["components"]["schemas"]
    (letter,) = described["LetterIn"]["examples"]
    (decision,) = described["DecisionIn"]["examples"]
    reviewer = callers(alone)[0]
    made = alone.client.post("/v1/letters", json=letter, headers=reviewer)
    assert made.status_code == 201
    path = f"/v1/letters/{made.json()['id']}/decision"
    answer = alone.client.post(path, json=decision, headers=reviewer | {"If-Match": '"1"'})
    assert answer.json()["decision"]["category"] == decision["corrections"]["category"]["value"]
    assert letter["body"] == LETTER["body"]
