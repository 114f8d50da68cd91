"""A shop that has one of everything, filled through its API, with the texts a test wants.

For tests that walk every page. Whatever has a text field gets one; what the API refuses to take
in a field is offered once more in a milder form, and noted.
"""

import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import httpx

from tests.support.own_license import TRUST_ROOT, operators_license

SETTLE_SECONDS: Final = 15
EVERY_CAPABILITY: Final = (
    "unlimited_products",
    "unlimited_policies",
    "unlimited_codes",
    "unlimited_merchant_profiles",
    "recurring_billing",
    "patron",
)
PATRON: Final = {
    "KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT.replace("\n", "\\n"),
    "KEYSAT_LICENSE": operators_license(*EVERY_CAPABILITY),
    "KEYSAT_RATE_LIMITS": "0",
    "KEYSAT_INSECURE_COOKIES": "1",
}
"""Settings of a live server whose tier has no caps, and that lets one browser ask much."""

Texts = Callable[[str], list[str]]
"""Gives what to put where a plain text would be, the boldest first."""


def plain(text: str) -> list[str]:
    """Put what an ordinary seller would."""
    return [text]


@dataclass(kw_only=True)
class FullShop:
    """What a test holds on to.

    Attributes:
        request: Sends a request to the server: in this process or over a socket.
        names: The parameters of paths and queries, by the names routes have for them.
        taken: What the server took in each text field: how bold, 0 being the boldest.
        pause: Lets a moment pass, so that what is listed by its age has one order.
    """

    request: Callable[..., httpx.Response]
    admin_headers: Mapping[str, str]
    texts: Texts = plain
    pause: Callable[[], object] = lambda: None
    names: dict[str, str] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)

    def admin(self, method: str, path: str, body: Any = None, **texts: str) -> Any:
        """Ask as the operator; ``texts`` are fields of the body, dots written as ``__``."""
        return self._ask(method, f"/v1/admin{path}", body, texts, self.admin_headers)

    def public(self, method: str, path: str, body: Any = None, **texts: str) -> Any:
        """Ask as a buyer or the sold software does."""
        return self._ask(method, path, body, texts, {})

    def _ask(
        self,
        method: str,
        path: str,
        body: Any,
        texts: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Any:
        levels = dict.fromkeys(texts, 0)
        self.pause()
        while True:
            sent = deepcopy(body or {})
            for name, text in texts.items():
                choices = self.texts(text)
                _put(sent, name.split("__"), choices[min(levels[name], len(choices) - 1)])
            answer = self.request(
                method, path, json=sent, headers={"user-agent": self._agent(), **headers}
            )
            if answer.status_code == HTTPStatus.OK:
                self.taken |= {f"{method} {path} {name}": at for name, at in levels.items()}
                return answer.json()
            assert answer.status_code == HTTPStatus.BAD_REQUEST, (method, path, answer.text)
            self._soften(levels, texts, answer)

    def _soften(
        self, levels: dict[str, int], texts: Mapping[str, str], answer: httpx.Response
    ) -> None:
        """Offer what was refused in a milder form, or everything where no field was named."""
        (problem,) = answer.json()["detail"]
        at = problem["field"].split(".")[0]
        blamed = [name for name in texts if name.split("__")[0] == at] or list(texts)
        softer = [name for name in blamed if levels[name] < len(self.texts(texts[name])) - 1]
        assert softer, answer.text
        for name in softer:
            levels[name] += 1

    def _agent(self) -> str:
        """Headers hold no control characters, and are not read as UTF-8."""
        fit = [
            text for text in self.texts("A browser 1.0") if text.isascii() and text.isprintable()
        ]
        return fit[0] if fit else "A browser 1.0"

    def buy(self, body: Mapping[str, str], **texts: str) -> dict[str, str]:
        """Buy with pretend money and wait for the license."""
        purchase: dict[str, str] = self.public("POST", "/v1/purchase", dict(body), **texts)
        if not purchase["checkout_url"]:
            return purchase
        till = "/sandbox/" + purchase["checkout_url"].partition("/sandbox/")[2]
        paid = self.request("POST", f"{till}/pay", follow_redirects=False)
        assert paid.status_code == HTTPStatus.SEE_OTHER, paid.text
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            status: dict[str, str] = self.request(
                "GET", f"/v1/purchase/{purchase['invoice_id']}"
            ).json()
            if status["status"] == "settled":
                return purchase | status
            assert time.monotonic() < deadline, "the payment did not arrive"
            time.sleep(0.1)


def _put(body: dict[str, Any], steps: list[str], text: str) -> None:
    """Put a text where the steps lead; a list gets it as its one item."""
    *way, last = steps
    at: Any = body
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    at[last] = [text] if isinstance(at.get(last), list) else text


def fill(shop: FullShop) -> FullShop:
    """Put one of everything into an empty shop of pretend money."""
    _sellers(shop)
    _catalog(shop)
    _codes(shop)
    _sales(shop)
    _watchers(shop)
    return shop


def _sellers(shop: FullShop) -> None:
    shop.admin("POST", "/settings/operator-name", name="Quiet Tools")
    default, *_ = shop.admin("GET", "/merchant-profiles")["profiles"]
    texts = {
        "legal_name": "Quiet Tools GmbH",
        "support_url": "https://quiet.example/help",
        "support_email": "help@quiet.example",
        "smtp_host": "mail.quiet.example",
        "smtp_username": "mailer",
        "smtp_from_address": "sales@quiet.example",
        "smtp_from_name": "Sales",
    }
    shop.admin("PATCH", f"/merchant-profiles/{default['id']}", name="Quiet Tools", **texts)
    second = shop.admin("POST", "/merchant-profiles", {"brand_color": "#336699"}, name="Side shop")
    shop.admin(
        "PATCH",
        f"/merchant-profiles/{second['id']}",
        post_purchase_redirect_url="https://quiet.example/{invoice_id}",
    )
    shop.names |= {"profile_id": default["id"], "second_profile_id": second["id"]}


def _catalog(shop: FullShop) -> None:
    product = shop.admin(
        "POST",
        "/products",
        {
            "slug": "notes",
            "price_sats": 25_000,
            "entitlements_catalog": [
                {"slug": "sync"},
            ],
        },
        name="Notes",
        entitlements_catalog__0__name="Sync",
        entitlements_catalog__0__description="Keeps devices alike.",
        description="A place for thoughts.",
        metadata__page="kept",
    )
    priced = {"slug": "clock", "price_currency": "USD", "price_value": 1_250}
    shop.admin("POST", "/products", priced, name="Clock")
    shop.admin("PUT", "/rates/pin", {"currency": "USD", "units_per_btc": "50000"})
    shop.admin("POST", "/policies", {"product_slug": "notes", "slug": "default"}, name="Standard")
    pro = shop.admin(
        "POST",
        "/policies",
        {
            "product_slug": "notes",
            "slug": "pro",
            "max_machines": 3,
            "tier_rank": 2,
            "price_sats_override": 60_000,
            "entitlements": ["sync"],
            "tip_recipient": "ada@tips.example",
            "tip_pct_bps": 100,
            "metadata": {"highlight": True, "marketing_bullets": []},
        },
        name="Professional",
        tip_label="To the author",
        metadata__description="For those who write all day.",
        metadata__marketing_bullets="Everything in Standard",
        metadata__own="kept",
    )
    shop.admin(
        "POST",
        "/policies",
        {
            "product_slug": "notes",
            "slug": "monthly",
            "price_sats_override": 5_000,
            "is_recurring": True,
            "renewal_period_days": 30,
            "tier_rank": 1,
        },
        name="Monthly",
    )
    shop.names |= {"product_id": product["id"], "slug": "notes", "policy_id": pro["id"]}


def _codes(shop: FullShop) -> None:
    code = shop.admin(
        "POST",
        "/discount-codes",
        {"code": "SUMMER", "kind": "percent", "amount": 2_000, "featured": True},
        description="For the newsletter",
        referrer_label="newsletter",
    )
    shop.admin(
        "POST",
        "/discount-codes",
        {"code": "GIFT", "kind": "free_license", "amount": 0, "product_slug": "notes"},
        description="A gift",
    )
    shop.names["code_id"] = code["id"]


def _sales(shop: FullShop) -> None:
    who = {"buyer_email": "ada@example.com"}
    pro = {"product": "notes", "policy_slug": "pro", "code": "SUMMER"}
    sold = shop.buy(pro, **who, buyer_note="For the office")
    shop.buy({"product": "notes", "policy_slug": "monthly"}, **who)
    shop.public("POST", "/v1/redeem", {"product": "notes", "code": "GIFT"}, **who)
    # What waits is opened last, so that lists begin with it.
    waiting = shop.public("POST", "/v1/purchase", {"product": "clock"}, **who, buyer_note="Soon")
    seat = {"key": sold["license_key"]}
    machine = {"hostname": "study", "platform": "Linux 6.1"}
    shop.public("POST", "/v1/machines/activate", seat, fingerprint="machine-1", **machine)
    issued = shop.admin(
        "POST",
        "/licenses",
        {"product_slug": "notes", "policy_slug": "pro", "nostr_npub": None},
        buyer_email="bob@example.com",
        note="A friend of the house",
    )
    for act, reason in (("suspend", "Asked to"), ("unsuspend", "Asked again")):
        shop.admin("POST", f"/licenses/{issued['license_id']}/{act}", reason=reason)
    revoked = shop.admin("POST", "/licenses", {"product_slug": "notes"}, note="A mistake")
    shop.admin("POST", f"/licenses/{revoked['license_id']}/revoke", reason="Issued by mistake")
    shop.admin(
        "POST",
        f"/licenses/{issued['license_id']}/change-tier",
        {"to_policy_slug": "default"},
        reason="Wanted less",
    )
    (subscription,) = shop.admin("GET", "/subscriptions")["subscriptions"]
    shop.names |= {
        "license_id": sold["license_id"],
        "subscription_id": subscription["id"],
        "invoice_id": sold["invoice_id"],
        "waiting_invoice_id": waiting["invoice_id"],
        "provider_invoice_id": waiting["btcpay_invoice_id"],
        "license_key": sold["license_key"],
    }
    (seated, *_) = shop.admin("GET", "/machines")["machines"]
    shop.names["machine_id"] = seated["id"]


def _watchers(shop: FullShop) -> None:
    endpoint = shop.admin(
        "POST", "/webhook-endpoints", description="The newsletter", url="https://hooks.example/1"
    )
    key = shop.admin("POST", "/api-keys", {"role": "support"}, label="Helpdesk")
    shop.admin("POST", "/products", {"slug": "draft", "price_sats": 1}, name="Draft")
    shop.names |= {"endpoint_id": endpoint["id"], "key_id": key["id"]}
    deliveries = shop.admin("GET", "/webhook-deliveries")["deliveries"]
    if deliveries:
        shop.names["delivery_id"] = deliveries[0]["id"]
