"""Requests made up from the OpenAPI document: every answer is one the document speaks of.

Two checks are left out because the published API contradicts them: a body may hold ``null`` where
a default will do, and limits of pages are kept within bounds (admin-api 0, B-34), so data that
does not fit the schema is not always refused; and rules across fields (a price is a currency and
a value) cannot be written as JSON Schema, so data that fits it is not always taken.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.schemas import OpenApiSchema

from keysat_http.framework_errors import ADMIN_PREFIX
from tests.support.http import ADMIN
from tests.support.plain_passwords import PlainPasswords
from tests.support.shop import Shop, running_shop

# Hypothesis complains of the size of what was made up, and of the pauses of ticks in their own
# thread, which it takes for the test's use of chance. Neither says anything about the shop.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
]

NUMBERS: Final = count()
LEFT_OUT: Final = ("negative_data_rejection", "positive_data_acceptance", "not_a_server_error")
"""The last is ours in ``hold``: one answer of the 500s is the published one."""


@schemathesis.serializer("application/x-pem-file")
def as_pem(_: Any, value: Any) -> bytes:
    """The only body that is no JSON; what is made up for it is text."""
    return value if isinstance(value, bytes) else str(value).encode()


class Door:
    """Leads to the shop that is open now. It takes no part in that shop's start and stop."""

    def __init__(self) -> None:
        self.shop: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            assert self.shop is not None
            await self.shop(scope, receive, send)
            return
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})  # type: ignore[typeddict-item]


def document() -> dict[str, Any]:
    with running_shop() as running:
        read: dict[str, Any] = running.client.get("/v1/openapi.json").json()
    return read | {"servers": [{"url": "/"}]}


def loaded(raw: dict[str, Any], **phases: Any) -> OpenApiSchema:
    config = SchemathesisConfig.from_dict({"phases": phases})
    made = schemathesis.openapi.from_dict(raw, config=config)
    made.app = DOOR
    return made


DOOR: Final = Door()
RAW: Final = document()
schema = loaded(RAW)
# Which values a field may have at its bounds is tried once; here only what they are about matters.
about_real_things = loaded(RAW, coverage={"enabled": False})


@about_real_things.auth().apply_to(path_regex=f"^{ADMIN_PREFIX}")
@schema.auth().apply_to(path_regex=f"^{ADMIN_PREFIX}")
class Operator:
    """Presents the admin key, except where a check wants to go without."""

    def get(self, _: Any, __: Any) -> str:
        return ADMIN["authorization"]

    def set(self, case: Any, data: str, _: Any) -> None:
        case.headers["Authorization"] = data


def bounded(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop(peer="10.0.0.1", passwords=PlainPasswords()) as running:
        running.admin("POST", "/web-password", json={"password": "correct horse battery"})
        DOOR.shop = running.outside
        for currency in ("USD", "EUR"):
            running.pin_rate(currency, "50000")
        yield running


@schema.parametrize()
@bounded(8)
def test_made_up_requests_are_answered_as_documented(case: Any, shop: Shop) -> None:
    shop.clock.turn(10)
    hold(case)


@about_real_things.parametrize()
@bounded(4)
def test_made_up_requests_about_real_things_are_answered_as_documented(
    case: Any, shop: Shop
) -> None:
    shop.clock.turn(60)
    real = stock(shop)
    case.path_parameters = {
        name: real.get(name, value) for name, value in (case.path_parameters or {}).items()
    }
    if isinstance(case.body, dict):
        case.body |= {name: real[name] for name in case.body.keys() & real.keys()}
    hold(case)


def hold(case: Any) -> None:
    """Hold an answer to the document; the only failure of a server is to have no provider."""
    answer = case.call_and_validate(excluded_checks=excluded())
    if answer.status_code >= 500:
        assert answer.json()["error"] == "btcpay_not_configured", answer.text


def stock(shop: Shop) -> dict[str, Any]:
    """Put one of everything into the shop; give how parameters and fields name it."""
    slug = f"app-{next(NUMBERS)}"
    product = shop.add_product(slug)
    policy = shop.add_policy("pro", product=slug)
    issued = shop.issue(slug, policy_slug="pro")
    seat = shop.validate(issued["license_key"], fingerprint="laptop")
    purchase = shop.buy(slug)
    default, *_ = shop.admin("GET", "/merchant-profiles")["profiles"]
    return {
        "slug": slug,
        "product": slug,
        "product_slug": slug,
        "policy_slug": "pro",
        "product_id": product["id"],
        "policy_id": policy["id"],
        "license_id": issued["license_id"],
        "machine_id": seat["machine_id"],
        "invoice_id": purchase["invoice_id"],
        "provider_id": shop.account_id,
        "payment_provider_id": shop.account_id,
        "profile_id": default["id"],
        "provider_invoice_id": purchase["btcpay_invoice_id"],
        "key": issued["license_key"],
        "fingerprint": "laptop",
    }


def excluded() -> list[Any]:
    return [check for check in CHECKS.get_all() if check.__name__ in LEFT_OUT]
