"""One sale over HTTP, from an empty shop to a revoked license; every answer is checked."""

import time
from collections.abc import Iterable, Mapping, Sequence
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from keysat_cli.commands.demo.shop import DemoShop
from keysat_cli.commands.demo.transcript import Exchange, Transcript
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


class Walk:
    """Sends requests as the seller or as anybody, and writes each down."""

    def __init__(self, shop: DemoShop, client: httpx.Client, transcript: Transcript) -> None:
        self._shop = shop
        self._client = client
        self.transcript = transcript

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        shows: Sequence[str] = (),
        is_seller: bool = False,
    ) -> Mapping[str, object]:
        """Send a request and give the JSON of its answer, which must be a 200.

        Raises:
            DifferencesFound: it is not.
        """
        exchange = self.ask(method, path, body, is_seller=is_seller)
        self.transcript.add(exchange, shows=shows)
        return exchange.answer or {}

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        is_seller: bool = False,
    ) -> Exchange:
        """Like ``call``, but write nothing down."""
        headers = {"authorization": f"Bearer {self._shop.admin_api_key}"} if is_seller else {}
        answer = self.send(method, path, json=body, headers=headers)
        if answer.status_code != HTTPStatus.OK:
            raise DifferencesFound(
                f"{method} {path} answered {answer.status_code}: {answer.text[:300]}"
            )
        document = msgspec.json.decode(answer.content, type=dict[str, object])
        return Exchange(method=method, path=path, request=body, status=200, answer=document)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and give the bare answer.

        Raises:
            DifferencesFound: none came.
        """
        try:
            return self._client.request(method, path, json=json, headers=headers)
        except httpx.HTTPError as exc:
            self._shop.refuse_dead()
            raise DifferencesFound(f"{method} {path} got no answer: {exc}") from exc


def walk_a_sale(walk: Walk) -> Sale:
    """Sell a license before the reader's eyes.

    Raises:
        DifferencesFound: a step does not go as it should.
    """
    _open_the_shop(walk)
    purchase = _buy(walk)
    invoice_id, checkout_url = str(purchase["invoice_id"]), str(purchase["checkout_url"])
    _pay(walk, checkout_url)
    bought = _wait_for_key(walk, invoice_id)
    license_id, key = str(bought["license_id"]), str(bought["license_key"])

    walk.transcript.begin("The software asks the server whether the key is good.")
    _expect(_validate(walk, key), ok=True, license_id=license_id, product_slug=PRODUCT)

    walk.transcript.begin("The software checks the key by itself, with the public key alone.")
    pem = str(walk.call("GET", "/v1/pubkey", shows=["algorithm"])["public_key_pem"])
    _verify_offline(walk, pem, key, license_id)

    walk.transcript.begin("The seller revokes the license.")
    path = f"/v1/admin/licenses/{license_id}/revoke"
    walk.call("POST", path, {"reason": "end of the demo"}, shows=["ok"], is_seller=True)

    walk.transcript.begin("The software asks again.")
    _expect(_validate(walk, key), ok=False, reason="revoked")
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
    _expect({"tiers": len(_as_list(tiers["policies"]))}, tiers=len(TIERS))

    walk.transcript.begin("Somebody takes the free tier and has a license at once.")
    body: dict[str, object] = {"product": PRODUCT, "policy_slug": "free"}
    shows = ["amount_sats", "license_id", "license_key"]
    free = walk.call("POST", "/v1/purchase", body, shows=shows)
    _expect(free, amount_sats=0, checkout_url="")

    walk.transcript.begin("The buyer chooses Pro and is sent to the checkout.")
    body = {"product": PRODUCT, "policy_slug": "pro", "buyer_email": "buyer@example.com"}
    shows = ["amount_sats", "invoice_id", "checkout_url"]
    purchase = walk.call("POST", "/v1/purchase", body, shows=shows)
    _expect(purchase, amount_sats=60_000)
    return purchase


def _pay(walk: Walk, checkout_url: str) -> None:
    """Press the button of the checkout page that a person would press."""
    walk.transcript.begin("The buyer pays, with pretend money, by the button on the page.")
    path = urlsplit(checkout_url).path
    page = walk.send("GET", path)
    _note_page(walk, "GET", path, page.status_code, expected=HTTPStatus.OK)
    forms = _Forms()
    forms.feed(page.text)
    action = next((target for target in forms.targets if target.endswith("/pay")), None)
    if action is None:
        raise DifferencesFound(f"{path} has no form to pay with")
    pressed = walk.send("POST", action)
    _note_page(walk, "POST", action, pressed.status_code, expected=HTTPStatus.SEE_OTHER)


def _note_page(walk: Walk, method: str, path: str, status: int, *, expected: int) -> None:
    exchange = Exchange(method=method, path=path, request=None, status=status, answer=None)
    walk.transcript.add(exchange, shows=())
    if status != expected:
        raise DifferencesFound(f"{method} {path} answered {status} instead of {expected}")


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
    _expect({"license_id": payload.license_id}, license_id=license_id)
    granted = ", ".join(payload.entitlements)
    walk.transcript.note(
        f"Verifier.from_pem(pem).verify(key): license {payload.license_id}, grants {granted}"
    )


def _expect(answer: Mapping[str, object], **expected: object) -> None:
    for name, value in expected.items():
        if answer.get(name) != value:
            raise DifferencesFound(f"expected {name} {value!r}, got {answer.get(name)!r}")


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, Iterable) else []


class _Forms(HTMLParser):
    """Collects where a page's forms lead."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form's target."""
        target = dict(attrs).get("action")
        if tag == "form" and target:
            self.targets.append(target)
