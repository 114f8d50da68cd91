"""Nothing the published Python client offers is left untried. Source: public-api 17.1 and 17.4."""

import inspect
import sys
import time
from types import FrameType
from typing import Any, Final, Self

import keysat_licensing_client as published  # type: ignore[import-untyped]
import pytest
from keysat_licensing_client import (
    Client,
    LicensingError,
    PublicKey,
    RedeemFreeOptions,
    StartPurchaseOptions,
    ValidateOptions,
    Verifier,
    has_entitlement,
    hash_fingerprint,
    is_expired_at,
    parse_license_key,
)

from keysat_core.domain.instant import Instant, rfc3339
from tests.support.live_server import LiveServer

HERE: Final = "the machine of one who tries everything"


def published_code() -> dict[Any, str]:
    """Find every public function, method and property of the package, by its code."""
    found: dict[Any, str] = {}
    for name in published.__all__:
        member = getattr(published, name)
        if inspect.isfunction(member):
            found[member.__code__] = name
        elif inspect.isclass(member):
            for key, method in vars(member).items():
                plain = method.fget if isinstance(method, property) else method
                plain = getattr(plain, "__func__", plain)
                if not key.startswith("_") and inspect.isfunction(plain):
                    found[plain.__code__] = f"{name}.{key}"
    return found


class CallsSeen:
    """Notes which code runs while it is entered."""

    def __init__(self) -> None:
        self.code: set[Any] = set()

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.code.add(frame.f_code)


def try_what_needs_no_server(client: Client, key: str) -> None:
    """Read and verify a key of the tier ``pro``."""
    public = PublicKey.from_pem(client.fetch_pubkey_pem())
    raw = public.underlying.public_bytes_raw()
    verifier = Verifier(PublicKey.from_raw(raw))
    now = int(time.time())
    verified = verifier.verify_with_time(key, now)
    assert verified == verifier.verify(key)
    payload = parse_license_key(key).payload
    assert payload == verified.payload
    assert (payload.version, payload.is_trial, payload.is_fingerprint_bound) == (2, False, False)
    assert has_entitlement(payload, "sync")
    assert not has_entitlement(payload, "share")
    assert not is_expired_at(payload, payload.expires_at - 1)
    assert is_expired_at(payload, payload.expires_at)


def try_what_asks_the_server(server: LiveServer, client: Client) -> str:
    """Live through a license: choose, buy, pay, validate, sit down, leave. Give its key."""
    assert client.base_url == server.url
    tiers = {tier.slug: tier for tier in client.list_public_policies("widget").policies}
    wish = StartPurchaseOptions(
        policy_slug="pro",
        buyer_email="ada@example.com",
        buyer_note="every method",
        redirect_url="https://example.com/thanks",
        code="",
    )
    session = client.start_purchase("widget", wish)
    assert session.amount_sats == tiers["pro"].price_sats
    assert session.poll_url == f"{server.url}/v1/purchase/{session.invoice_id}"
    assert server.client.post(f"{session.checkout_url}/pay").status_code == 303
    key = str(client.wait_for_license(session.invoice_id, interval_s=0.1, timeout_s=10))
    polled = client.poll_purchase(session.invoice_id)
    assert (polled.status, polled.license_key, polled.amount_sats) == ("settled", key, 25_000)
    asked = ValidateOptions(
        product_slug="widget", fingerprint=HERE, hostname="laptop", platform="linux"
    )
    seated = client.validate(key, opts=asked)
    assert (seated.ok, seated.license_id) == (True, polled.license_id)
    assert client.activate(key, HERE).machine_id == seated.machine_id
    assert client.heartbeat(key, HERE).ok
    assert client.deactivate(key, HERE).ok
    gift = client.redeem_free_license("widget", "gift", RedeemFreeOptions(buyer_note="thanks"))
    assert client.validate(gift.license_key, "widget").license_id == gift.license_id
    assert gift.redemption_id
    assert client.poll_purchase(gift.invoice_id).license_key == gift.license_key
    return key


def test_every_published_method_is_tried_on_a_live_server(
    server: LiveServer, client: Client
) -> None:
    offered = published_code()
    assert len(offered) >= 21
    with CallsSeen() as seen:
        key = try_what_asks_the_server(server, client)
        try_what_needs_no_server(client, key)
        assert hash_fingerprint(HERE) == hash_fingerprint(HERE).lower()
    assert [name for code, name in offered.items() if code not in seen.code] == []


def test_the_server_stores_the_hash_that_the_client_computes(
    server: LiveServer, client: Client
) -> None:
    issued = server.admin("POST", "/v1/admin/licenses", {"product_slug": "widget"})
    assert client.validate(issued["license_key"], "widget", HERE).ok
    events = server.admin("GET", "/v1/admin/events?after=0&event_types=machine.activated")["events"]
    told = [event["body"]["data"] for event in events]
    (seated,) = [data for data in told if data["license_id"] == issued["license_id"]]
    assert seated["fingerprint_hash"] == hash_fingerprint(HERE)


def test_a_single_seat_is_held_by_one_machine(server: LiveServer, client: Client) -> None:
    issued = server.admin("POST", "/v1/admin/licenses", {"product_slug": "widget"})
    key = issued["license_key"]
    assert client.activate(key, "first").max_machines == 1
    full = client.activate(key, "second")
    assert (full.ok, full.reason, full.active_count) == (False, "too_many_machines", 1)
    assert client.validate(key, fingerprint="second").reason == "fingerprint_mismatch"


def test_a_trial_is_told_by_the_key_and_by_the_server(client: Client) -> None:
    session = client.start_purchase("widget", StartPurchaseOptions(policy_slug="try"))
    key = client.wait_for_license(session.invoice_id, timeout_s=1)
    assert parse_license_key(key).payload.is_trial
    assert client.validate(key).is_trial is True


def test_grace_is_granted_online_and_not_offline(server: LiveServer, client: Client) -> None:
    ended = rfc3339(Instant(int(time.time()) - 60))
    over = {"product_slug": "widget", "expires_at": ended, "grace_seconds": 3600}
    key = server.admin("POST", "/v1/admin/licenses", over)["license_key"]
    answer = client.validate(key, "widget")
    assert (answer.ok, answer.in_grace_period) == (True, True)
    assert answer.grace_until > answer.expires_at
    with pytest.raises(LicensingError) as caught:
        Verifier(PublicKey.from_pem(client.fetch_pubkey_pem())).verify_with_time(
            key, int(time.time())
        )
    assert caught.value.kind == "expired"
