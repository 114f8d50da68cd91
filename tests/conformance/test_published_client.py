"""The client published for Python, unchanged, against a live server: a whole life of a license.

The package is the one on PyPI, as pinned in the development lock. Source: public-api 17.
"""

import time
from typing import Any, Final

import pytest
from keysat_licensing_client import (  # type: ignore[import-untyped]
    Client,
    LicensingError,
    PublicKey,
    StartPurchaseOptions,
    Verifier,
)

from tests.support.live_server import LiveServer

FINGERPRINT: Final = "a machine's own text"


@pytest.fixture(scope="module")
def verifier(client: Client) -> Verifier:
    return Verifier(PublicKey.from_pem(client.fetch_pubkey_pem()))


@pytest.fixture(scope="module")
def license_key(server: LiveServer, client: Client) -> str:
    """A license bought through the client and paid on the pretend checkout."""
    session = client.start_purchase(
        "widget", StartPurchaseOptions(policy_slug="pro", buyer_email="buyer@example.com")
    )
    assert (session.amount_sats, session.base_price_sats) == (25_000, 25_000)
    assert client.poll_purchase(session.invoice_id).status == "pending"
    paid = server.client.post(f"{session.checkout_url}/pay")
    assert paid.status_code == 303
    return str(client.wait_for_license(session.invoice_id, interval_s=0.1, timeout_s=10))


def test_it_lists_the_tiers(client: Client) -> None:
    listed = client.list_public_policies("widget")
    assert (listed.product.slug, listed.product.base_price_sats) == ("widget", 25_000)
    assert [tier.slug for tier in listed.policies] == ["free", "try", "monthly", "pro", "team"]
    pro = listed.policies[3]
    assert (pro.price_sats, pro.max_machines, pro.entitlements) == (25_000, 3, ["sync"])


def test_it_buys_what_costs_nothing(client: Client) -> None:
    session = client.start_purchase("widget", StartPurchaseOptions(policy_slug="free"))
    assert (session.checkout_url, session.amount_sats) == ("", 0)
    assert client.wait_for_license(session.invoice_id, timeout_s=1).startswith("LIC1-")


def test_it_validates_a_bought_license(client: Client, license_key: str) -> None:
    answer = client.validate(license_key, product_slug="widget")
    assert (answer.ok, answer.status, answer.product_slug) == (True, "active", "widget")
    assert (answer.entitlements, answer.max_machines) == (["sync"], 3)
    assert answer.expires_at is not None


def test_it_is_told_why_not(client: Client, license_key: str) -> None:
    assert client.validate(license_key, product_slug="gadget").reason == "product_mismatch"
    assert client.validate("LIC1-A-B").reason == "bad_format"


def test_it_seats_a_machine_for_as_long_as_it_wants(client: Client, license_key: str) -> None:
    assert client.heartbeat(license_key, FINGERPRINT).reason == "not_activated"
    seated = client.activate(license_key, FINGERPRINT, hostname="laptop", platform="linux")
    assert (seated.ok, seated.active_count, seated.max_machines) == (True, 1, 3)
    assert client.activate(license_key, FINGERPRINT).machine_id == seated.machine_id
    validated = client.validate(license_key, fingerprint=FINGERPRINT)
    assert validated.machine_id == seated.machine_id
    assert client.heartbeat(license_key, FINGERPRINT).machine_id == seated.machine_id
    assert client.deactivate(license_key, FINGERPRINT, reason="moved").ok
    assert client.deactivate(license_key, FINGERPRINT).reason == "not_found"


def test_it_verifies_offline(verifier: Verifier, license_key: str) -> None:
    verified = verifier.verify(license_key)
    assert verified.entitlements == ["sync"]
    assert not verified.is_fingerprint_bound
    assert verifier.verify_with_time(license_key, int(time.time())).license_id
    with pytest.raises(LicensingError) as caught:
        verifier.verify_with_time(license_key, verified.expires_at)
    assert caught.value.kind == "expired"


def test_it_sees_a_revocation(server: LiveServer, client: Client, verifier: Verifier) -> None:
    issued: dict[str, Any] = server.program.json("license", "issue", "widget")
    key = issued["license_key"]
    assert client.validate(key).ok
    server.program.text("license", "revoke", issued["license_id"], "--yes")
    assert client.validate(key).reason == "revoked"
    assert str(verifier.verify(key).license_id) == issued["license_id"]


def test_what_is_not_there_is_an_error_it_can_read(client: Client) -> None:
    with pytest.raises(LicensingError, match="HTTP 404") as caught:
        client.list_public_policies("gadget")
    assert caught.value.kind == "server_error"
    with pytest.raises(LicensingError, match="HTTP 404"):
        client.poll_purchase("no-such-invoice")
