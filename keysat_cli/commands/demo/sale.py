"""One sale over HTTP, from an empty shop to a revoked license; every answer is checked."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec

from keysat_cli.commands.demo.forms import find_form
from keysat_cli.commands.demo.walk import Walk, expect
from keysat_cli.failures import DifferencesFound
from keysat_core.errors import LicenseKeyError
from keysat_core.signing import Verifier

PRODUCT: Final = "notes"
FINGERPRINT: Final = "demo-machine"
WAIT_SECONDS: Final = 10.0
"""How long a paid invoice may take to become a license; it takes well under a second."""

POLL_SECONDS: Final = 0.1

TIERS: Final[Sequence[Mapping[str, object]]] = (
    {"slug": "free", "name": "Free", "price_sats_override": 0},
    {"slug": "standard", "name": "Standard", "max_machines": 2},
    {
        "slug": "pro",
        "name": "Pro",
        "price_sats_override": 60_000,
        "max_machines": 5,
        "duration_seconds": 31_536_000,
        "entitlements": ["sync"],
    },
)


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """What the walk leaves for the reader to play with."""

    product: str
    license_id: str
    license_key: str
    public_key_pem: str
    checkout_url: str


def pay_pretend_money(walk: Walk, checkout_url: str) -> None:
    """Press the button of the sandbox's checkout page that a person would press.

    Raises:
        DifferencesFound: it is not there, or does not do what it should.
    """
    walk.transcript.begin("The buyer pays, with pretend money, by the button on the page.")
    page = walk.visit("GET", urlsplit(checkout_url).path)
    form = find_form(page.text, lambda form: form.action.endswith("/pay"))
    if form is None:
        raise DifferencesFound(f"{checkout_url} has no form to pay with")
    walk.visit("POST", form.action, expected=HTTPStatus.SEE_OTHER)


def walk_a_sale(walk: Walk, pay: Callable[[Walk, str], None] = pay_pretend_money) -> Sale:
    """Sell a license before the reader's eyes; ``pay`` pays at the address of a checkout.

    Raises:
        DifferencesFound: a step does not go as it should.
    """
    _open_the_shop(walk)
    purchase = _buy(walk)
    invoice_id, checkout_url = str(purchase["invoice_id"]), str(purchase["checkout_url"])
    pay(walk, checkout_url)
    bought = _wait_for_key(walk, invoice_id)
    license_id, key = str(bought["license_id"]), str(bought["license_key"])

    walk.transcript.begin("The software asks the server whether the key is good.")
    expect(_validate(walk, key), ok=True, license_id=license_id, product_slug=PRODUCT)

    walk.transcript.begin("The software checks the key by itself, with the public key alone.")
    pem = str(walk.call("GET", "/v1/pubkey", shows=["algorithm"])["public_key_pem"])
    _verify_offline(walk, pem, key, license_id)

    walk.transcript.begin("The seller revokes the license.")
    path = f"/v1/admin/licenses/{license_id}/revoke"
    walk.call("POST", path, {"reason": "end of the demo"}, shows=["ok"], is_seller=True)

    walk.transcript.begin("The software asks again.")
    expect(_validate(walk, key), ok=False, reason="revoked")
    return Sale(
        product=PRODUCT,
        license_id=license_id,
        license_key=key,
        public_key_pem=pem,
        checkout_url=checkout_url,
    )


def _open_the_shop(walk: Walk) -> None:
    walk.transcript.begin("The seller creates a product with three tiers, one of them free.")
    product = {
        "slug": PRODUCT,
        "name": "Notes",
        "price_currency": "SAT",
        "price_value": 25_000,
        "entitlements_catalog": [{"slug": "sync", "name": "Sync between devices"}],
    }
    walk.call("POST", "/v1/admin/products", product, shows=["slug", "price_value"], is_seller=True)
    for tier in TIERS:
        body = {"product_slug": PRODUCT, **tier}
        shows = ["slug", "price_sats_override", "max_machines"]
        walk.call("POST", "/v1/admin/policies", body, shows=shows, is_seller=True)


def _buy(walk: Walk) -> Mapping[str, object]:
    walk.transcript.begin("A buyer looks at the tiers.")
    tiers = walk.call("GET", f"/v1/products/{PRODUCT}/policies", shows=["policies"])
    expect({"tiers": len(_as_list(tiers["policies"]))}, tiers=len(TIERS))

    walk.transcript.begin("Somebody takes the free tier and has a license at once.")
    body: dict[str, object] = {"product": PRODUCT, "policy_slug": "free"}
    shows = ["amount_sats", "license_id", "license_key"]
    free = walk.call("POST", "/v1/purchase", body, shows=shows)
    expect(free, amount_sats=0, checkout_url="")

    walk.transcript.begin("The buyer chooses Pro and is sent to the checkout.")
    body = {"product": PRODUCT, "policy_slug": "pro", "buyer_email": "buyer@example.com"}
    shows = ["amount_sats", "invoice_id", "checkout_url"]
    purchase = walk.call("POST", "/v1/purchase", body, shows=shows)
    expect(purchase, amount_sats=60_000)
    return purchase


def _wait_for_key(walk: Walk, invoice_id: str) -> Mapping[str, object]:
    walk.transcript.begin("The buyer's program waits for the license key.")
    path = f"/v1/purchase/{invoice_id}"
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        exchange = walk.ask("GET", path)
        answer = exchange.answer or {}
        if answer.get("license_key"):
            walk.transcript.add(exchange, shows=["status", "license_id", "license_key"])
            return answer
        if time.monotonic() > deadline:
            raise DifferencesFound(f"no license within {WAIT_SECONDS:.0f} s: {dict(answer)}")
        time.sleep(POLL_SECONDS)


def _validate(walk: Walk, key: str) -> Mapping[str, object]:
    body = {"key": key, "product_slug": PRODUCT, "fingerprint": FINGERPRINT}
    shows = ["ok", "reason", "status", "expires_at", "entitlements", "machine_id"]
    return walk.call("POST", "/v1/validate", body, shows=shows)


def _verify_offline(walk: Walk, pem: str, key: str, license_id: str) -> None:
    try:
        payload = Verifier.from_pem(pem).verify(key, now=int(time.time())).payload
    except LicenseKeyError as exc:
        raise DifferencesFound(f"the key does not verify offline: {exc}") from exc
    expect({"license_id": payload.license_id}, license_id=license_id)
    granted = ", ".join(payload.entitlements)
    walk.transcript.note(
        f"Verifier.from_pem(pem).verify(key): license {payload.license_id}, grants {granted}"
    )


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, Iterable) else []
