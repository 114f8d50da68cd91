"""The whole API with every role: what a role may do works, the rest is forbidden, and every answer
is one the OpenAPI document speaks of.

Twice: every operation once, about things that are there; and made-up workflows, in which the
answer to one request leads to the next by the document's links.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Send
from litestar.types import Scope as ASGIScope
from schemathesis.checks import CHECKS

from keysat_core.domain.access import OPERATION_SCOPES, Role, scopes_of
from keysat_core.domain.actor import EVERY_SCOPE, Scope
from keysat_http.framework_errors import ADMIN_PREFIX
from tests.support.http import ADMIN
from tests.support.operation_calls import Stock, stocked_shop
from tests.support.role_tokens import RoleTokens

pytestmark = [
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
]

MASTER: Final = "master"
ROLES: Final = [MASTER, *Role]
LEFT_OUT: Final = (
    "negative_data_rejection",
    "positive_data_acceptance",
    "not_a_server_error",
    "ignored_auth",
)
"""The last takes a made-up cookie beside a good bearer token for what let a request in; who may do
what is held to the table of scopes here, which is stricter."""

NOT_CONNECTED: Final = {"btcpay_not_configured", "upstream_error"}
"""What a server of ours answers with 5xx when its provider does: no fault of this server."""


class Door:
    """Leads to the shop that is open now."""

    def __init__(self) -> None:
        self.shop: ASGIApp | None = None

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            assert self.shop is not None
            await self.shop(scope, receive, send)


def headers_of(role: str) -> dict[str, str]:
    return dict(ADMIN) if role == MASTER else {"authorization": f"Bearer {role}"}


def may(role: str, operation: str) -> bool:
    scopes: frozenset[Scope] = EVERY_SCOPE if role == MASTER else scopes_of(Role(role))
    return OPERATION_SCOPES[operation] in scopes


@contextmanager
def shop_for_roles(document: Mapping[str, Any] | None = None) -> Iterator[Stock]:
    with stocked_shop(document=document, credentials=[RoleTokens()]) as stock:
        yield stock


@pytest.fixture(scope="module")
def document() -> Any:
    with shop_for_roles() as stock:
        return {**stock.document, "servers": [{"url": "/"}]}


@pytest.fixture(scope="module")
def schema(document: Any) -> Any:
    return schemathesis.openapi.from_dict(document)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_does_what_it_may_and_nothing_else(role: str, document: Any, schema: Any) -> None:
    """What only reads comes first; then what changes, least destructive first."""
    with shop_for_roles(document) as stock:
        routes = stock.routes()
        last = ("revoke", "disconnect", "stop", "delete", "clear", "cancel")
        order = sorted(
            routes,
            key=lambda name: (routes[name][0] != "GET", name.startswith(last), name),
        )
        done = 0
        for operation in order:
            method, path = routes[operation]
            answer = stock.call(operation, headers=headers_of(role))
            schema[path][method].validate_response(answer)
            if not may(role, operation):
                assert (answer.status_code, answer.json()["error"]) == (403, "forbidden"), operation
                continue
            assert answer.status_code < 500, (operation, answer.text)
            assert answer.status_code not in {401, 403}, (operation, answer.text)
            done += answer.status_code == 200
        allowed = sum(may(role, operation) for operation in order)
        # What a change before it took away is not found; most is still there.
        assert done >= allowed * 0.75, (done, allowed)


@pytest.mark.parametrize("role", ROLES)
def test_made_up_workflows_are_answered_as_documented(role: str, document: Any) -> None:
    door = Door()
    schema = schemathesis.openapi.from_dict(document)
    schema.app = door
    with shop_for_roles(document) as stock:
        door.shop = stock.shop.outside
        run_state_machine_as_test(
            workflow(schema, stock, role),
            settings=settings(
                max_examples=6,
                stateful_step_count=12,
                derandomize=True,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )


def workflow(schema: Any, stock: Stock, role: str) -> Any:
    checks = [check for check in CHECKS.get_all() if check.__name__ not in LEFT_OUT]

    class Workflow(schema.as_state_machine()):  # type: ignore[misc]
        def step(self, input: Any) -> Any:  # noqa: A002  the library calls it so
            case = input.case
            if case.operation.path.startswith(ADMIN_PREFIX):
                case.headers["Authorization"] = headers_of(role)["authorization"]
            if not input.is_applied:
                # A made-up id would only ever be not found.
                known = case.path_parameters.keys() & stock.names.keys()
                case.path_parameters |= {name: stock.names[name] for name in known}
            return super().step(input)

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, checks=checks)
            if response.status_code >= 500:
                assert response.json()["error"] in NOT_CONNECTED, response.text
            if case.operation.path.startswith(ADMIN_PREFIX):
                operation = case.operation.definition.raw["operationId"]
                assert may(role, operation) or response.status_code == 403, operation

    return Workflow
