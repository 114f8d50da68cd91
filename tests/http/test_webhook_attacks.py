"""Webhooks nobody should have sent change nothing. Source: payments 6.8, 9.1, 16.2 and 17."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
import pytest

from keysat_adapters.btcpay.webhook import sign
from keysat_core.domain.secret import Secret
from keysat_core.limits import BODY_BYTES_MAX
from tests.simulators.btcpay.forgeries import Forgery, forged
from tests.simulators.fault_plan import BadSignature, DropDelivery, SignatureFlaw
from tests.support.btcpay_accounts import LEGACY_PATH, add_account, add_profile
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.line import contents
from tests.support.sale_outcome import assert_sold_once, assert_unsold, webhook_answers

SETTLED: Final = "InvoiceSettled"
CLAIMS: Final = (SETTLED, "InvoiceExpired", "InvoiceInvalid", "InvoicePaymentSettled")

# Source: payments 6.8, the known answer.
KNOWN_SECRET: Final = Secret("topsecret")
KNOWN_BODY: Final = b'{"type":"InvoiceSettled","invoiceId":"abc"}'
KNOWN_DIGEST: Final = "cf4253bd2c4c0e6d819e04370e107f7b478ac1231b672559880a38254b538f9e"
KNOWN_HEADERS: Final = {
    "content-type": "application/json",
    "btcpay-sig": f"sha256={KNOWN_DIGEST}",
}

RECEIPTS: Final = {"webhook_receipts": frozenset[str]()}
LOOKS: Final = RECEIPTS | {
    "provider_health": frozenset[str](),
    "invoices": frozenset({"last_checked_at", "provider_status_raw"}),
}
"""What may change when BTCPay is asked because of a signed claim: that it was asked."""


@contextmanager
def nothing_changes(
    opened: BTCPayShop, *, without: Mapping[str, frozenset[str]] = RECEIPTS
) -> Iterator[None]:
    before = contents(opened.shop.ports.store, without=without)
    yield
    assert contents(opened.shop.ports.store, without=without) == before


def receipts(opened: BTCPayShop) -> list[object]:
    return contents(opened.shop.ports.store, without={})["webhook_receipts"]


def post(
    opened: BTCPayShop, body: bytes, headers: Mapping[str, str], path: str | None = None
) -> int:
    path = path or f"/v1/btcpay/webhook/{opened.account().id}"
    return opened.shop.client.post(path, content=body, headers=dict(headers)).status_code


def forge(opened: BTCPayShop, event_type: str, invoice_id: str | None, **how: object) -> Forgery:
    webhook = opened.fake.webhook(opened.webhook_id())
    return forged(opened.fake.world, webhook, event_type, invoice_id, **how)  # type: ignore[arg-type]


# --- too long to be kept --------------------------------------------------------------------------


def test_what_is_kept_of_a_webhook_is_short_whoever_signed_it() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        secret = opened.account().webhook_secret
        assert secret is not None
        long = "x" * 1_000_000
        for body in (
            {"type": long},
            {"type": SETTLED, "invoiceId": purchase["btcpay_invoice_id"] + long},
            {"type": "InvoiceCreated", "deliveryId": long, "originalDeliveryId": long},
        ):
            content = msgspec.json.encode(body)
            assert post(opened, content, {"btcpay-sig": sign(secret, content)}) == 200
        kept = receipts(opened)
        assert len(kept) == 3
        assert len(msgspec.json.encode(kept)) < 3_000
        assert opened.fake.journal.calls("get_invoice") == []
        # The one about an invoice is heard however long its deliveries are named.
        opened.pay(purchase)
        content = msgspec.json.encode(
            {"type": SETTLED, "invoiceId": purchase["btcpay_invoice_id"], "deliveryId": long}
        )
        assert post(opened, content, {"btcpay-sig": sign(secret, content)}) == 200
        assert_sold_once(opened, purchase)


# --- a signature that is none ---------------------------------------------------------------------


@pytest.mark.rows(7)
@pytest.mark.parametrize("event_type", CLAIMS)
@pytest.mark.parametrize("flaw", SignatureFlaw)
def test_a_forger_without_the_secret_is_refused(event_type: str, flaw: SignatureFlaw) -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        with nothing_changes(opened, without={}):
            forgery = forge(opened, event_type, purchase["btcpay_invoice_id"], flaw=flaw)
            assert opened.fake.send(forgery) == 401
        assert opened.fake.journal.calls("get_invoice") == []
        assert_unsold(opened, purchase, "pending")


@pytest.mark.parametrize("flaw", SignatureFlaw)
def test_a_genuine_delivery_that_is_signed_wrongly_is_refused_and_found_later(
    flaw: SignatureFlaw,
) -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceProcessing", DropDelivery())
        opened.fake.faults.on_delivery(SETTLED, BadSignature(flaw))
        purchase = opened.buy()
        with nothing_changes(opened, without={}):
            opened.pay(purchase)
        assert webhook_answers(opened) == {401}
        opened.tick(60)
        assert_sold_once(opened, purchase)


def know_the_answer(opened: BTCPayShop) -> None:
    """Give the account the secret of the known answer."""
    known = msgspec.structs.replace(opened.account(), webhook_secret=KNOWN_SECRET)
    with opened.shop.ports.store.writing() as tx:
        tx.merchants.put_account(known)


def test_the_known_answer_is_accepted_and_an_unknown_invoice_changes_nothing() -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        upper = KNOWN_HEADERS | {"btcpay-sig": f"sha256={KNOWN_DIGEST.upper()}"}
        with nothing_changes(opened):
            assert post(opened, KNOWN_BODY, KNOWN_HEADERS) == 200
            assert post(opened, KNOWN_BODY, upper) == 200
        assert len(receipts(opened)) == 2
        assert opened.fake.journal.calls("get_invoice") == []


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        KNOWN_DIGEST,
        f"SHA256={KNOWN_DIGEST}",
        f"sha1={KNOWN_DIGEST[:40]}",
        f"sha1={KNOWN_DIGEST}",
        f"sha256={KNOWN_DIGEST[:-1]}",
        f"sha256={KNOWN_DIGEST[:-2]}",
        f"sha256={KNOWN_DIGEST}00",
        f"sha256={KNOWN_DIGEST[:-1]}g",
        f"sha256={KNOWN_DIGEST[:-1]}f",
        f"sha256= {KNOWN_DIGEST}",
        f"sha256={KNOWN_DIGEST}, sha256={KNOWN_DIGEST}",
        "sha256=" + "0" * 64,
        # HMAC under the empty key, and under the secret of another case.
        sign(Secret("Topsecret"), KNOWN_BODY),
        "sha256=ce34e05d20b35ea4733a8fd2b5dccca7bb1fbc5cd2a60cf400a7d96aa90fc22b",
    ],
)
def test_anything_but_the_known_answer_is_refused(signature: str | None) -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        headers = {"content-type": "application/json"}
        if signature is not None:
            headers["btcpay-sig"] = signature
        with nothing_changes(opened, without={}):
            assert post(opened, KNOWN_BODY, headers) == 401


@pytest.mark.parametrize(
    "body",
    [
        KNOWN_BODY[:-1],
        KNOWN_BODY + b"\n",
        b" " + KNOWN_BODY,
        KNOWN_BODY.replace(b"abc", b"abd"),
        KNOWN_BODY.replace(b":", b": "),
        msgspec.json.format(KNOWN_BODY, indent=2),
        KNOWN_BODY.replace(b"Settled", b"Invalid"),
        b"",
    ],
)
def test_a_body_other_than_the_signed_bytes_is_refused(body: bytes) -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        with nothing_changes(opened, without={}):
            assert post(opened, body, KNOWN_HEADERS) == 401


# --- signed, and yet nothing to act on ---------------------------------------------------------------


@pytest.mark.rows(7)
@pytest.mark.parametrize("event_type", CLAIMS)
def test_a_signed_claim_that_btcpay_does_not_confirm_changes_nothing(event_type: str) -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        with nothing_changes(opened, without=LOOKS):
            forgery = forge(opened, event_type, purchase["btcpay_invoice_id"])
            assert opened.fake.send(forgery) == 200
        assert len(opened.fake.journal.calls("get_invoice")) == 1
        assert_unsold(opened, purchase, "pending")


@pytest.mark.parametrize("event_type", CLAIMS)
def test_a_claim_about_an_invoice_of_somebody_else_causes_no_call(event_type: str) -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        stranger = opened.fake.add_store("Somebody else's")
        calls = len(opened.fake.journal.calls())
        with nothing_changes(opened):
            unknown = forge(opened, event_type, "4cLstvvUwbmTRpdQ3nAPCG")
            foreign = forge(opened, event_type, purchase["btcpay_invoice_id"], store_id=stranger.id)
            bare = forge(opened, event_type, None)
            for forgery in (unknown, foreign, bare):
                assert opened.fake.send(forgery) == 200
        assert len(opened.fake.journal.calls()) == calls
        assert_unsold(opened, purchase, "pending")


def test_events_we_did_not_ask_for_are_kept_and_left_alone() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        with nothing_changes(opened):
            for event_type in ("InvoiceCreated", "InvoiceReceivedPayment", "InvoiceRefund", "New"):
                forgery = forge(opened, event_type, purchase["btcpay_invoice_id"])
                assert opened.fake.send(forgery) == 200
        assert opened.fake.journal.calls("get_invoice") == []
        assert len(receipts(opened)) == 4


def test_a_delivery_replayed_after_a_day_changes_nothing() -> None:
    """The very bytes, signature and all: a claim is a hint to ask, so its age is of no interest."""
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.pay(purchase)
        license = assert_sold_once(opened, purchase)
        (sent,) = opened.fake.journal.attempts(SETTLED)
        opened.clock.turn(86_400)
        with nothing_changes(opened, without=LOOKS):
            for _ in range(3):
                assert post(opened, sent.request.body, sent.request.headers) == 200
        assert assert_sold_once(opened, purchase) == license


def test_a_delivery_replayed_at_another_account_changes_nothing() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        opened.fake.faults.on_delivery("InvoiceProcessing", DropDelivery())
        opened.pay(purchase)
        (sent,) = opened.fake.journal.attempts(SETTLED)
        other = add_account(
            opened,
            "other",
            add_profile(opened, "other"),
            store=opened.fake.add_store("Other"),
        )
        with nothing_changes(opened, without={}):
            path = f"{LEGACY_PATH}/{other.id}"
            assert post(opened, sent.request.body, sent.request.headers, path) == 401


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b"{}", b'{"type":1}', b'{"type":"x","invoiceId":7}', b"\xff{", b"{" * 10_000],
)
def test_a_signed_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        with nothing_changes(opened, without={}):
            assert post(opened, body, {"btcpay-sig": sign(KNOWN_SECRET, body)}) == 401


# --- where and how it lands ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "text/plain", "image/png", "", "x"],
)
def test_any_content_type_is_taken(content_type: str) -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        headers = KNOWN_HEADERS | {"content-type": content_type}
        assert post(opened, KNOWN_BODY, headers) == 200


def test_a_body_beyond_the_limit_is_refused_unread() -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        large = KNOWN_BODY[:-1] + b',"x":"' + b"x" * BODY_BYTES_MAX + b'"}'
        fitting = KNOWN_BODY.ljust(BODY_BYTES_MAX)
        with nothing_changes(opened, without={}):
            assert post(opened, large, {"btcpay-sig": sign(KNOWN_SECRET, large)}) == 413
        assert post(opened, fitting, {"btcpay-sig": sign(KNOWN_SECRET, fitting)}) == 200


def test_nobody_else_has_a_landing() -> None:
    with running_btcpay_shop() as opened:
        know_the_answer(opened)
        account_id = opened.account().id
        with nothing_changes(opened, without={}):
            for path, status in (
                ("/v1/btcpay/webhook/nobody", 404),
                (f"/v1/btcpay/webhook/{account_id.upper()}", 404),
                (f"/v1/btcpay/webhook/{account_id}/x", 404),
                (f"/v1/zaprite/webhook/{account_id}", 404),
            ):
                assert post(opened, KNOWN_BODY, KNOWN_HEADERS, path) == status, path
            gone = opened.shop.client.get(f"/v1/btcpay/webhook/{account_id}")
            assert gone.status_code == 405


def test_a_disconnected_account_has_no_landing() -> None:
    with running_btcpay_shop() as opened:
        purchase = opened.buy()
        forgery = forge(opened, SETTLED, purchase["btcpay_invoice_id"])
        opened.shop.admin("POST", "/btcpay/disconnect")
        with nothing_changes(opened, without={}):
            assert opened.fake.send(forgery) == 404


# --- the landing of before ------------------------------------------------------------------------------


def test_the_landing_without_an_id_knows_whose_secret_it_is() -> None:
    with running_btcpay_shop() as opened:
        profile_id = add_profile(opened, "second")
        store = opened.fake.add_store("Second")
        second = add_account(opened, "second", profile_id, store=store)
        for account in (opened.account(), second):
            secret = account.webhook_secret
            assert secret is not None
            signed = {"btcpay-sig": sign(secret, KNOWN_BODY)}
            assert post(opened, KNOWN_BODY, signed, LEGACY_PATH) == 200
            assert any(account.id in str(row) for row in receipts(opened))
        with nothing_changes(opened, without={}):
            assert post(opened, KNOWN_BODY, KNOWN_HEADERS, LEGACY_PATH) == 401
            assert post(opened, KNOWN_BODY, {}, LEGACY_PATH) == 401
        assert len(receipts(opened)) == 2


def test_the_landing_without_an_id_says_when_nothing_is_connected() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        answer = opened.shop.client.post(LEGACY_PATH, content=KNOWN_BODY, headers=KNOWN_HEADERS)
        assert (answer.status_code, answer.json()["error"]) == (503, "btcpay_not_configured")
