"""Who may do what: every admin route with every kind of credential.

The table is typed out from admin-api 1.2, 1.3 and 1.6 and decisions 8 and 9, and knows nothing of
the product's own. A route without a row fails, and so does a row without a route.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec
import pytest
from litestar.routes import HTTPRoute

from keysat_core.domain.actor import EVERY_SCOPE, Actor, ActorKind
from keysat_core.domain.web_session import csrf_token
from keysat_core.use_cases.access.create_key import CreateKey, NewKey, create_key
from keysat_core.use_cases.access.revoke_key import revoke_key
from keysat_core.use_cases.access.sign_in import SignInWithKey, sign_in_with_key
from tests.support.direct import Answer, ask
from tests.support.http import ADMIN_KEY
from tests.support.plain_passwords import PlainPasswords
from tests.support.readable import BODY_METHODS, READABLE, READABLE_QUERY, filled
from tests.support.shop import Shop, running_shop

MASTER: Final = "MASTER"
MATRIX: Final = """
POST   /v1/admin/web-password                                        MASTER
GET    /v1/admin/web-sessions                                        MASTER
DELETE /v1/admin/web-sessions/{session_name}                         MASTER
POST   /v1/admin/web-sessions/end-others                             MASTER
GET    /v1/admin/api-keys                                            MASTER
POST   /v1/admin/api-keys                                            MASTER
DELETE /v1/admin/api-keys/{key_id}                                   MASTER

GET    /v1/admin/self-license                                        tier:read
POST   /v1/admin/self-license                                        MASTER
POST   /v1/admin/self-license/refresh                                tier:read
GET    /v1/admin/settings/operator-name                              settings:read
POST   /v1/admin/settings/operator-name                              MASTER
GET    /v1/admin/settings/retention                                  settings:read
PUT    /v1/admin/settings/retention                                  MASTER
GET    /v1/admin/community-analytics                                 community:read
POST   /v1/admin/community-analytics                                 community:write
POST   /v1/admin/community-analytics/reset                           MASTER
GET    /v1/admin/db-info                                             MASTER
GET    /v1/admin/health                                              MASTER
GET    /v1/admin/figures                                             licenses:read
GET    /v1/admin/search                                              licenses:read
POST   /v1/admin/import-issuer-key                                   MASTER

GET    /v1/admin/audit                                               audit:read
GET    /v1/admin/export/licenses                                     licenses:read
GET    /v1/admin/export/invoices                                     invoices:read
GET    /v1/admin/export/audit                                        audit:read
GET    /v1/admin/export/discount-codes                               discount_codes:read
POST   /v1/admin/licenses/bulk                                       licenses:write

GET    /v1/admin/products                                            products:read
POST   /v1/admin/products                                            products:write
GET    /v1/admin/products/{product_id}                               products:read
PATCH  /v1/admin/products/{product_id}                               products:write
DELETE /v1/admin/products/{product_id}                               products:write
PATCH  /v1/admin/products/{product_id}/active                        products:write
PUT    /v1/admin/products/{product_id}/policy-order                  policies:write

GET    /v1/admin/policies                                            policies:read
POST   /v1/admin/policies                                            policies:write
GET    /v1/admin/policies/{policy_id}                                policies:read
PATCH  /v1/admin/policies/{policy_id}                                policies:write
DELETE /v1/admin/policies/{policy_id}                                policies:write
PATCH  /v1/admin/policies/{policy_id}/active                         policies:write
PATCH  /v1/admin/policies/{policy_id}/public                         policies:write
PATCH  /v1/admin/policies/{policy_id}/archived                       policies:write
PATCH  /v1/admin/policies/{policy_id}/tip                            policies:write
GET    /v1/admin/tips                                                policies:read
GET    /v1/admin/tips/cap                                            policies:read
PUT    /v1/admin/tips/cap                                            MASTER

GET    /v1/admin/licenses                                            licenses:read
GET    /v1/admin/licenses/search                                     licenses:read
GET    /v1/admin/licenses/summary                                    licenses:read
GET    /v1/admin/licenses/counts                                     licenses:read
GET    /v1/admin/revenue/summary                                     licenses:read
GET    /v1/admin/licenses/{license_id}                               licenses:read
POST   /v1/admin/licenses                                            licenses:write
POST   /v1/admin/licenses/{license_id}/revoke                        licenses:write
POST   /v1/admin/licenses/{license_id}/suspend                       licenses:write
POST   /v1/admin/licenses/{license_id}/unsuspend                     licenses:write
GET    /v1/admin/licenses/{license_id}/tier-quote                    licenses:read
GET    /v1/admin/licenses/{license_id}/tier-changes                  licenses:read
POST   /v1/admin/licenses/{license_id}/change-tier                   licenses:write
DELETE /v1/admin/licenses/{license_id}/tier-changes/{change_id}      licenses:write

GET    /v1/admin/invoices                                            invoices:read
GET    /v1/admin/invoices/{invoice_id}                               invoices:read
POST   /v1/admin/invoices/{invoice_id}/settle                        invoices:write
POST   /v1/admin/invoices/{invoice_id}/charge                        MASTER
GET    /v1/admin/zaprite/saved-payments                              payment_providers:read
GET    /v1/admin/settings/accept-late-payments                       settings:read
POST   /v1/admin/settings/accept-late-payments                       MASTER

GET    /v1/admin/subscriptions                                       subscriptions:read
GET    /v1/admin/subscriptions/{subscription_id}                     subscriptions:read
POST   /v1/admin/subscriptions/{subscription_id}/cancel              subscriptions:write
GET    /v1/admin/machines                                            machines:read
POST   /v1/admin/machines/{machine_id}/deactivate                    machines:write

GET    /v1/admin/discount-codes                                      discount_codes:read
GET    /v1/admin/discount-codes/attribution                          discount_codes:read
GET    /v1/admin/discount-codes/{code_id}                            discount_codes:read
POST   /v1/admin/discount-codes                                      discount_codes:write
PATCH  /v1/admin/discount-codes/{code_id}                            discount_codes:write
PATCH  /v1/admin/discount-codes/{code_id}/active                     discount_codes:write
DELETE /v1/admin/discount-codes/{code_id}                            discount_codes:write

GET    /v1/admin/webhook-endpoints                                   webhooks:read
GET    /v1/admin/webhook-endpoints/{endpoint_id}                     webhooks:read
POST   /v1/admin/webhook-endpoints                                   webhooks:write
PATCH  /v1/admin/webhook-endpoints/{endpoint_id}                     webhooks:write
PATCH  /v1/admin/webhook-endpoints/{endpoint_id}/active              webhooks:write
DELETE /v1/admin/webhook-endpoints/{endpoint_id}                     webhooks:write
POST   /v1/admin/webhook-endpoints/{endpoint_id}/replay              webhooks:write
POST   /v1/admin/webhook-endpoints/{endpoint_id}/rotate-secret       webhooks:write
POST   /v1/admin/webhook-endpoints/{endpoint_id}/test                webhooks:write
GET    /v1/admin/webhook-deliveries                                  webhooks:read
GET    /v1/admin/webhook-deliveries/{delivery_id}                    webhooks:read
POST   /v1/admin/webhook-deliveries/{delivery_id}/retry              webhooks:write
GET    /v1/admin/events                                              webhooks:read

GET    /v1/admin/merchant-profiles                                   merchant_profiles:read
GET    /v1/admin/merchant-profiles/{profile_id}                      merchant_profiles:read
POST   /v1/admin/merchant-profiles                                   merchant_profiles:write
PATCH  /v1/admin/merchant-profiles/{profile_id}                      merchant_profiles:write
DELETE /v1/admin/merchant-profiles/{profile_id}                      merchant_profiles:write
POST   /v1/admin/merchant-profiles/{profile_id}/set-default          merchant_profiles:write
PUT    /v1/admin/merchant-profiles/{profile_id}/logo                 merchant_profiles:write
DELETE /v1/admin/merchant-profiles/{profile_id}/logo                 merchant_profiles:write
PUT    /v1/admin/merchant-profiles/{profile_id}/rail-preferences/{rail} merchant_profiles:write
DELETE /v1/admin/merchant-profiles/{profile_id}/rail-preferences/{rail} merchant_profiles:write

GET    /v1/admin/payment-provider/status                             payment_providers:read
GET    /v1/admin/btcpay/status                                       payment_providers:read
GET    /v1/admin/btcpay/payment-methods                              payment_providers:read
GET    /v1/admin/zaprite/status                                      payment_providers:read
POST   /v1/admin/btcpay/connect                                      payment_providers:write
POST   /v1/admin/btcpay/disconnect                                   MASTER
POST   /v1/admin/zaprite/connect                                     MASTER
POST   /v1/admin/zaprite/disconnect                                  MASTER

GET    /v1/admin/tier                                                tier:read
GET    /v1/admin/rates                                               rates:read
POST   /v1/admin/rates/refresh                                       rates:write
PUT    /v1/admin/rates/pin                                           rates:write
"""
"""Method, route, and the scope that admin-api 1.6 names, or MASTER.

``change-tier`` is a comp change here, for which the scope suffices (decisions 8).
"""

READ_ONLY, ISSUER, SUPPORT = "read-only", "license-issuer", "support"
ONBOARD, FULL = "merchant-onboard", "full-admin"
ROLES: Final = (READ_ONLY, ISSUER, SUPPORT, ONBOARD, FULL)
WRITERS: Final = {
    "licenses:write": {ISSUER, SUPPORT, ONBOARD, FULL},
    "subscriptions:write": {SUPPORT, FULL},
    "machines:write": {SUPPORT, FULL},
    "products:write": {ONBOARD, FULL},
    "policies:write": {ONBOARD, FULL},
    "discount_codes:write": {FULL},
    "webhooks:write": {FULL},
    "merchant_profiles:write": {FULL},
    "rates:write": {FULL},
    "community:write": {FULL},
    "invoices:write": {FULL},
    "payment_providers:write": set[str](),
}
"""The roles with each scope that changes something; every role has every scope that reads."""

EXTRA: Final = "payment_providers:write"

BODIES: Final[dict[tuple[str, str], dict[str, object]]] = {
    # The real thing would end the session that the next rows are asked with.
    ("POST", "/v1/admin/web-password"): {"password": "short"},
    ("POST", "/v1/admin/web-sessions/end-others"): {"keep": "nobody"},
}


class Row(NamedTuple):
    method: str
    route: str
    scope: str


class Caller(NamedTuple):
    """A credential: which role it has, if it is a key, and how it is presented."""

    name: str
    headers: list[tuple[str, str]]
    role: str | None = None
    has_extra: bool = False


ROWS: Final = [Row(*line.split()) for line in MATRIX.splitlines() if line]


def expected(row: Row, caller: Caller) -> int | None:
    """Give the status a caller is refused with, or None when it is let through."""
    if caller.role is not None:
        return None if is_allowed(row.scope, caller.role, has_extra=caller.has_extra) else 403
    if caller.name == "session without CSRF token":
        return None if row.method == "GET" else 403
    return {"nobody": 401, "bad scheme": 401, "master": None, "session": None}.get(caller.name, 403)


def is_allowed(scope: str, role: str, *, has_extra: bool) -> bool:
    if scope == MASTER:
        return False
    if scope == EXTRA:
        return has_extra
    return scope.endswith(":read") or role in WRITERS[scope]


def bearer(token: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {token}")]


def new_key(shop: Shop, role: str, scopes: tuple[str, ...] = ()) -> NewKey:
    operator = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
    ports = shop.ports
    return create_key(
        operator,
        CreateKey(label=role, role=role, scopes=scopes),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        entropy=ports.entropy,
    )


def callers(shop: Shop) -> list[Caller]:
    """Make one credential of each kind."""
    found = [
        Caller("nobody", []),
        Caller("bad scheme", [("authorization", f"Basic {ADMIN_KEY}")]),
        Caller("bad token", bearer("ks_" + "A" * 43)),
        Caller("master", bearer(ADMIN_KEY)),
    ]
    for role in ROLES:
        found.append(Caller(role, bearer(new_key(shop, role).token.reveal()), role))
        both = new_key(shop, role, (EXTRA,))
        found.append(Caller(f"{role} + {EXTRA}", bearer(both.token.reveal()), role, has_extra=True))
    revoked = new_key(shop, FULL, (EXTRA,))
    ports = shop.ports
    operator = Actor(kind=ActorKind.CLI, scopes=EVERY_SCOPE)
    revoke_key(operator, revoked.key.id, store=ports.store, clock=ports.clock, ids=ports.ids)
    found.append(Caller("revoked key", bearer(revoked.token.reveal())))
    return [*found, *sessions(shop)]


def sessions(shop: Shop) -> list[Caller]:
    password = {"password": "correct horse battery"}
    shop.admin("POST", "/web-password", json=password)
    answer = shop.client.post("/admin/login", json=password)
    shop.client.cookies.clear()
    cookie = ("cookie", answer.headers["set-cookie"].partition(";")[0])
    csrf = ("x-csrf-token", answer.headers["x-csrf-token"])
    return [
        Caller("session", [cookie, csrf]),
        Caller("session without CSRF token", [cookie]),
        Caller("session with a bad bearer token", [cookie, csrf, *bearer("wrong")]),
        *(session_of_key(shop, role) for role in ROLES),
        session_of_key(shop, FULL, (EXTRA,)),
    ]


def session_of_key(shop: Shop, role: str, scopes: tuple[str, ...] = ()) -> Caller:
    """Sign in with a key of a role; past the limit of attempts, which is not asked about here."""
    ports = shop.ports
    signed_in = sign_in_with_key(
        Actor(kind=ActorKind.WEB_UI),
        SignInWithKey(key=new_key(shop, role, scopes).token),
        master_key_hash=sha256(ADMIN_KEY.encode()).hexdigest(),
        store=ports.store,
        clock=ports.clock,
        entropy=ports.entropy,
    )
    cookie = ("cookie", f"keysat_session={signed_in.token.reveal()}")
    csrf = ("x-csrf-token", csrf_token(signed_in.token).reveal())
    name = " + ".join((f"session of {role}", *scopes))
    return Caller(name, [cookie, csrf], role, has_extra=bool(scopes))


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop(passwords=PlainPasswords()) as running:
        yield running


async def ask_all(
    shop: Shop, rows: list[Row], asking: list[Caller]
) -> dict[tuple[Row, str], Answer]:
    answers = {}
    query = urlencode(READABLE_QUERY)
    for row in rows:
        body = BODIES.get((row.method, row.route), READABLE)
        content = msgspec.json.encode(body) if row.method in BODY_METHODS else b""
        for caller in asking:
            headers = [*caller.headers, ("content-type", "application/json")]
            target = f"{filled(row.route)}?{query}"
            answers[row, caller.name] = await ask(shop.app, row.method, target, headers, content)
    return answers


def test_every_admin_route_has_a_row_and_every_row_a_route(shop: Shop) -> None:
    routes = {
        (method, route.path_format)
        for route in shop.app.litestar.routes
        if isinstance(route, HTTPRoute) and route.path_format.startswith("/v1/admin")
        for method in route.route_handler_map
        if method not in {"OPTIONS", "HEAD"}
    }
    rows = [(row.method, row.route) for row in ROWS]
    assert sorted(routes - set(rows)) == [], "routes without a row"
    assert sorted(set(rows) - routes) == [], "rows without a route"
    assert len(rows) == len(set(rows))


def test_every_credential_is_let_through_or_refused_as_the_table_says(shop: Shop) -> None:
    asking = callers(shop)
    assert len(asking) == 24
    with shop.client.portal() as portal:
        answers = portal.call(ask_all, shop, ROWS, asking)
    wrong = []
    for row in ROWS:
        for caller in asking:
            answer = answers[row, caller.name]
            refused = answer.status if answer.status in {401, 403} else None
            if refused != expected(row, caller):
                wrong.append((caller.name, *row, answer.status, answer.body[:100]))
            elif refused is not None:
                word = {401: "unauthorized", 403: "forbidden"}[refused]
                assert msgspec.json.decode(answer.body)["error"] == word
    assert wrong == []
    # Where everybody was let through nothing was proven of what lies behind.
    assert {answer.status for answer in answers.values()} >= {200, 400, 401, 403, 404}


def test_a_scoped_key_connects_no_provider_where_money_is_real() -> None:
    with running_shop(is_sandbox=False) as shop:
        key = bearer(new_key(shop, FULL, (EXTRA,)).token.reveal())
        refused = shop.client.post("/v1/admin/btcpay/connect", json={}, headers=dict(key))
        assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
        assert shop.admin("POST", "/btcpay/connect", json={}, ok=False).status_code not in {
            401,
            403,
        }


def test_what_only_a_paying_tier_change_needs_stays_with_the_master_key(shop: Shop) -> None:
    shop.add_product("app")
    shop.add_policy("pro")
    issued = shop.issue("app")
    body = {"to_policy_slug": "pro", "skip_payment": False}
    path = f"/v1/admin/licenses/{issued['license_id']}/change-tier"
    key = bearer(new_key(shop, FULL, (EXTRA,)).token.reveal())
    assert shop.client.post(path, json=body, headers=dict(key)).status_code == 403
    as_master = shop.client.post(path, json=body, headers=dict(bearer(ADMIN_KEY)))
    assert as_master.status_code not in {401, 403}
