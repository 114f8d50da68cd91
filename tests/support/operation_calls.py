"""A call of every operation of the admin API that has something to do, in a shop made for it.

The parameters of a path are filled by their names. What an operation is sent is written here, or
else taken from the OpenAPI document: its example, with what it names replaced by what there is.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite.gate import Zaprite
from keysat_core.ports.seal import AnswerSeal
from keysat_http.framework_errors import ADMIN_PREFIX
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.btcpay_shop import BASE, BROWSER, PUBLIC, BTCPayShop
from tests.support.http import ADMIN
from tests.support.line import Line
from tests.support.paid_shop import VirtualTime
from tests.support.shop import Shop, Wire, running_shop
from tests.support.zaprite_shop import BASE as ZAPRITE
from tests.support.zaprite_shop import ZapriteShop

MONTHLY: Final[Mapping[str, Any]] = {
    "is_recurring": True,
    "renewal_period_days": 30,
    "tier_rank": 1,
}
YEARLY: Final[Mapping[str, Any]] = {
    "is_recurring": True,
    "renewal_period_days": 365,
    "tier_rank": 2,
}
OTHERS: Final[Mapping[str, Mapping[str, str]]] = {
    "cancel_tier_change": {"license_id": "subscribed_id"},
    "clear_rail_preference": {"profile_id": "default_profile_id"},
    "delete_product": {"product_id": "spare_id"},
    "set_rail_preference": {"profile_id": "default_profile_id", "rail": "other_rail"},
    "unsuspend": {"license_id": "suspended_id"},
}
"""Whose path names another thing than that of its kind which most operations are about."""


@dataclass(kw_only=True)
class Stock:
    """A shop and one of everything in it, by the names paths and bodies have for it."""

    shop: Shop
    btcpay: BTCPayShop
    zaprite: ZapriteShop
    document: Mapping[str, Any]
    names: dict[str, Any] = field(default_factory=dict)

    def call(
        self, operation: str, *, headers: Mapping[str, str] = ADMIN, **changed: Any
    ) -> httpx.Response:
        """Send what an operation is sent; ``changed`` are other fields of its body."""
        method, path = self.routes()[operation]
        names = self.names | {
            parameter: self.names[other] for parameter, other in OTHERS.get(operation, {}).items()
        }
        parts = [names[part[1:-1]] if "{" in part else part for part in path.split("/")]
        body = self.body(operation)
        sent: dict[str, Any] = {}
        if body is not None or changed:
            sent["json"] = (body or {}) | changed
        return self.shop.client.request(method, "/".join(parts), headers=dict(headers), **sent)

    def routes(self) -> dict[str, tuple[str, str]]:
        """Method and path of every admin operation, by its name."""
        return {
            operation["operationId"]: (method.upper(), path)
            for path, item in self.document["paths"].items()
            if path.startswith(ADMIN_PREFIX)
            for method, operation in item.items()
        }

    def body(self, operation: str) -> dict[str, Any] | None:
        """Give what an operation is sent, or None where there is no body."""
        if operation in BODIES:
            return BODIES[operation](self.names)
        method, path = self.routes()[operation]
        request = self.document["paths"][path][method.lower()].get("requestBody")
        content = (request or {"content": {}})["content"].get("application/json")
        if content is None:
            return None
        example: dict[str, Any] = content.get("example", {})
        return example | {name: self.names[name] for name in example.keys() & self.names.keys()}


Names = Mapping[str, Any]

BODIES: Final[Mapping[str, Callable[[Names], dict[str, Any]]]] = {
    "change_license_tier": lambda _: {"to_policy_slug": "pro", "reason": "a friend"},
    "charge_saved_payment": lambda names: {"saved_invoice_id": names["saved_invoice_id"]},
    "choose_late_payments": lambda _: {"enabled": True},
    "connect_zaprite_account": lambda names: {
        "api_key": names["zaprite_key"],
        "base_url": ZAPRITE,
        "merchant_profile_id": names["profile_id"],
    },
    "create_discount_code": lambda _: {"code": "SUMMER", "kind": "percent", "amount": 2_000},
    "create_merchant_profile": lambda _: {"name": "Second shop"},
    "create_policy": lambda _: {"product_slug": "app", "slug": "team", "name": "Team"},
    "create_product": lambda _: {"slug": "editor", "name": "Editor", "price_sats": 50_000},
    "create_webhook_endpoint": lambda _: {"url": "https://hooks.example/keysat"},
    "disconnect_zaprite_account": lambda names: {"provider_id": names["zaprite_id"]},
    "end_other_web_sessions": lambda names: {"keep": names["kept_session_name"]},
    "issue_licenses_in_bulk": lambda _: {
        "csv": "product_slug,buyer_email\napp,ada@example.com\napp,bob@example.com\n"
    },
    "issue_license": lambda _: {"product_slug": "app", "buyer_email": "ada@example.com"},
    "refresh_rate": lambda _: {"currency": "USD"},
    "replay_webhook_events": lambda _: {"since": "2027-01-01T00:00:00Z"},
    "settle_invoice_by_hand": lambda _: {"reason": "paid in cash", "force": True},
    "start_btcpay_connect": lambda names: {"merchant_profile_id": names["profile_id"]},
    "stop_btcpay": lambda names: {"provider_id": names["btcpay_id"]},
    "set_product_active": lambda _: {"active": False},
    "set_policy_active": lambda _: {"active": False},
    "set_policy_public": lambda _: {"public": False},
    "set_policy_archived": lambda _: {"archived": True},
    "set_policy_tip": lambda _: {"tip_pct_bps": 100, "tip_recipient": "ada@tips.example"},
    "set_policy_order": lambda names: {"policy_ids": names["policy_ids"]},
    "set_discount_code_active": lambda _: {"active": False},
    "set_webhook_endpoint_active": lambda _: {"active": False},
    "set_merchant_logo": lambda _: {"content": "iVBORw0KGgo="},
    "set_rail_preference": lambda names: {"payment_provider_id": names["btcpay_id"]},
    "put_rate_pin": lambda _: {"currency": "EUR", "units_per_btc": "60000"},
    "put_tips_cap": lambda _: {"tips_daily_cap_sats": 1_000},
    "update_product": lambda _: {"name": "Another"},
    "update_policy": lambda _: {"name": "Another"},
    "update_discount_code": lambda _: {"description": "another"},
    "update_merchant_profile": lambda _: {"name": "Another"},
    "update_webhook_endpoint": lambda _: {"description": "another"},
}


@contextmanager
def stocked_shop(
    *, document: Mapping[str, Any] | None = None, seal: AnswerSeal | None = None, **how: Any
) -> Iterator[Stock]:
    """Open a shop that is paid at the doubles of BTCPay Server and of Zaprite.

    Making the ``document`` takes most of the time, and it is the same for every shop.
    """
    clock, wire = VirtualTime(), Wire()
    btcpay = FakeBTCPay(clock.virtual, post=wire.post)
    zaprite = FakeZaprite(clock.virtual, post=wire.post)
    line = Line(default=btcpay.transport())
    with (
        HTTPSender(transport=line) as to_btcpay,
        HTTPSender(transport=zaprite.transport()) as to_zaprite,
    ):
        gateway = BTCPayGateway(to_btcpay, base_url=BASE, browser_url=BROWSER, public_base=PUBLIC)
        with running_shop(
            is_sandbox=False,
            clock=clock,
            wire=wire,
            btcpay=gateway,
            zaprite=Zaprite(to_zaprite, clock=clock),
            seal=seal,
            **how,
        ) as shop:
            store = btcpay.add_store(network="regtest")
            stock = Stock(
                shop=shop,
                btcpay=BTCPayShop(
                    shop=shop, fake=btcpay, store=store, clock=clock, line=line, gateway=gateway
                ),
                zaprite=ZapriteShop(shop=shop, fake=zaprite, clock=clock),
                document=document or shop.client.get("/v1/openapi.json").json(),
            )
            fill(stock)
            yield stock


def fill(stock: Stock) -> None:
    """Put one of everything into the shop."""
    shop, names = stock.shop, stock.names
    shop.pin_rate("USD", "50000")
    stock.btcpay.connect()
    stock.zaprite.connect()
    product = shop.add_product()
    spare = shop.add_product("spare")
    policies = [
        shop.add_policy("default"),
        shop.add_policy("pro", price_sats_override=90_000),
        shop.add_policy("monthly", **MONTHLY),
        shop.add_policy("yearly", price_sats_override=400_000, **YEARLY),
    ]
    endpoint = shop.admin("POST", "/webhook-endpoints", json={"url": "https://hooks.example/1"})
    stock.btcpay.clock.turn(1)
    issued = shop.issue(policy_slug="default", buyer_email="ada@example.com")
    seat = shop.validate(issued["license_key"], fingerprint="laptop")
    suspended = shop.issue(policy_slug="default")
    shop.admin("POST", f"/licenses/{suspended['license_id']}/suspend", json={"reason": "x"})
    saved = shop.buy(policy_slug="yearly", buyer_email="ada@example.com", rail="card")
    stock.zaprite.fake.pay(saved["btcpay_invoice_id"])
    stock.zaprite.fake.attach_profile(saved["btcpay_invoice_id"])
    stock.zaprite.fake.deliver_due()
    stock.zaprite.tick(70)
    stock.zaprite.capture()
    due = shop.buy(policy_slug="monthly", buyer_email="ada@example.com", rail="card")
    (subscription,) = shop.admin("GET", "/subscriptions")["subscriptions"]
    shop.admin(
        "POST",
        f"/licenses/{subscription['license_id']}/change-tier",
        json={"to_policy_slug": "monthly", "apply_at": "next_cycle"},
    )
    path = f"/licenses/{subscription['license_id']}/tier-changes"
    (change,) = shop.admin("GET", path)["tier_changes"]
    code = shop.admin(
        "POST", "/discount-codes", json={"code": "KEPT", "kind": "percent", "amount": 500}
    )
    default, *_ = shop.admin("GET", "/merchant-profiles")["profiles"]
    second = shop.admin("POST", "/merchant-profiles", json={"name": "First shop"})
    picture = "iVBORw0KGgoAAA=="
    shop.admin("PUT", f"/merchant-profiles/{second['id']}/logo", json={"content": picture})
    rail = f"/merchant-profiles/{default['id']}/rail-preferences/card"
    shop.admin("PUT", rail, json={"payment_provider_id": stock.zaprite.account().id})
    key = shop.admin("POST", "/api-keys", json={"label": "agent", "role": "support"})
    deliveries = shop.admin("GET", "/webhook-deliveries")["deliveries"]
    for _ in range(3):
        signed_in = shop.client.post("/admin/login", json={"api_key": key["token"]})
        assert signed_in.status_code == 204, signed_in.text
        shop.client.cookies.clear()
    session, kept, _ = shop.admin("GET", "/web-sessions")["sessions"]
    names |= {
        "btcpay_id": stock.btcpay.account().id,
        "change_id": change["id"],
        "code_id": code["id"],
        "default_profile_id": default["id"],
        "delivery_id": deliveries[-1]["id"],
        "endpoint_id": endpoint["id"],
        "invoice_id": due["invoice_id"],
        "key_id": key["id"],
        "license_id": issued["license_id"],
        "license_key": issued["license_key"],
        "machine_id": seat["machine_id"],
        "policy_id": policies[1]["id"],
        "policy_ids": [one["id"] for one in reversed(policies)],
        "product_id": product["id"],
        "product_slug": "app",
        "profile_id": second["id"],
        "rail": "card",
        "other_rail": "lightning",
        "spare_id": spare["id"],
        "session_name": session["name"],
        "kept_session_name": kept["name"],
        "saved_invoice_id": saved["invoice_id"],
        "subscribed_id": subscription["license_id"],
        "subscription_id": subscription["id"],
        "suspended_id": suspended["license_id"],
        "zaprite_id": stock.zaprite.account().id,
        "zaprite_key": stock.zaprite.fake.live.api_key,
    }
