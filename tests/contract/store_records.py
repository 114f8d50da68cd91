"""Receipts, the trail, idempotency keys, buckets and settings in every store."""

from abc import ABC, abstractmethod
from typing import Any

import msgspec
import pytest

from keysat_core.domain.idempotency import IdempotencyRecord, KeptRequest, RequestKey
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.rate_limit import Bucket
from keysat_core.domain.receipt import DueReceipt, ReceiptOutcome, WebhookReceipt
from keysat_core.domain.secret import Secret
from keysat_core.errors import RequestInFlight, SigningKeyUnusable, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    later,
    make_audit,
    make_event,
    make_invoice,
    make_receipt,
    new_id,
    stored_shop,
)

replace = msgspec.structs.replace

FAR = Instant(NOW + 1_000_000)


def due(receipt: WebhookReceipt) -> DueReceipt:
    return DueReceipt(id=receipt.id, provider_account_id=receipt.provider_account_id)


class RecordsContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    # --- receipts -------------------------------------------------------------------------------

    def test_unmatched_receipts_wait_for_their_invoice_oldest_first(self, store: Store) -> None:
        shop = stored_shop(store)
        mine: dict[str, Any] = {"provider_invoice_id": "p-1", "delivery_id": "d"}
        late = make_receipt(shop.account, **mine, received_at=NOW + 1)
        early = make_receipt(shop.account, **mine, received_at=NOW - 1)
        with store.writing() as tx:
            for receipt in (
                late,
                early,
                make_receipt(shop.account, provider_invoice_id="p-2"),
                make_receipt(shop.account, **mine, outcome=ReceiptOutcome.DONE),
            ):
                tx.receipts.put_receipt(receipt)
        with store.reading() as tx:
            assert tx.receipts.list_unmatched(shop.account.id, "p-1") == [early, late]
            assert tx.receipts.list_unmatched(shop.account.id, "p-3") == []

    def test_noted_receipts_are_listed_until_they_are_dealt_with(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(shop.product)
        noted: dict[str, Any] = {"invoice_id": invoice.id, "outcome": ReceiptOutcome.NOTED}
        receipts = [make_receipt(shop.account, **noted, received_at=NOW + n) for n in (2, 0, 1)]
        with store.writing() as tx:
            for receipt in receipts:
                tx.receipts.put_receipt(receipt)
            # The invoice may follow its receipt within one transaction.
            tx.invoices.put_invoice(invoice)
        with store.reading() as tx:
            assert tx.receipts.list_noted(Instant(NOW + 9), 2, but_of=frozenset()) == [
                due(receipts[1]),
                due(receipts[2]),
            ]
            assert tx.receipts.find_receipt(receipts[1].id) == receipts[1]
            assert tx.receipts.find_receipt("another") is None
            assert tx.receipts.list_noted(Instant(NOW + 9), -1, but_of=frozenset()) == []
            assert tx.receipts.list_noted(Instant(NOW + 9), 9, but_of={shop.account.id}) == []
        with store.writing() as tx:
            tx.receipts.put_receipt(replace(receipts[1], outcome=ReceiptOutcome.DONE))
            assert tx.receipts.list_noted(Instant(NOW + 9), 9, but_of=frozenset()) == [
                due(receipts[2]),
                due(receipts[0]),
            ]

    def test_old_receipts_are_purged_oldest_first(self, store: Store) -> None:
        shop = stored_shop(store)
        with store.writing() as tx:
            for age in range(5):
                tx.receipts.put_receipt(
                    make_receipt(shop.account, provider_invoice_id="p", received_at=NOW - age)
                )
        with store.writing() as tx:
            assert tx.receipts.purge_receipts(NOW, 3) == 3
            assert tx.receipts.purge_receipts(NOW, 3) == 1
            assert tx.receipts.purge_receipts(NOW, 3) == 0
            left = tx.receipts.list_unmatched(shop.account.id, "p")
        assert [receipt.received_at for receipt in left] == [NOW]

    def test_a_receipt_of_an_unknown_account_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.receipts.put_receipt(make_receipt())

    # --- trail ----------------------------------------------------------------------------------

    def test_audit_rows_come_back_newest_first(self, store: Store) -> None:
        entries = [
            make_audit(details={"n": n, "nested": {"list": [None, "x"]}}, action=f"a.{n % 2}")
            for n in range(5)
        ]
        with store.writing() as tx:
            for entry in entries:
                tx.trail.append_audit(entry)
        with store.reading() as tx:
            assert tx.trail.list_audit(action=None, limit=3) == entries[:1:-1]
            assert tx.trail.list_audit(action="a.1", limit=9) == [entries[3], entries[1]]
            assert tx.trail.list_audit(action="a.1", limit=1) == [entries[3]]
            assert tx.trail.list_audit(action="none", limit=9) == []
            assert tx.trail.list_audit(action=None, limit=-1) == []

    def test_an_audit_row_comes_back_whole(self, store: Store) -> None:
        entry = make_audit(
            actor_kind="admin_api_key",
            actor_hash="ab" * 32,
            target_kind=None,
            target_id=None,
            request_ip="::1",
            user_agent="agent",
            request_id="r-1",
        )
        with store.writing() as tx:
            tx.trail.append_audit(entry)
            assert tx.trail.list_audit(action=None, limit=1) == [entry]

    def test_events_come_back_in_the_order_they_were_written(self, store: Store) -> None:
        events = [make_event(occurred_at=NOW - n, is_published=bool(n % 2)) for n in range(4)]
        with store.writing() as tx:
            for event in events:
                tx.trail.append_event(event)
        with store.reading() as tx:
            assert tx.trail.list_events(limit=9) == events
            assert tx.trail.list_events(limit=2) == events[:2]
            assert tx.trail.list_events(limit=-1) == []

    def test_an_events_body_keeps_every_byte(self, store: Store) -> None:
        event = make_event(body='{"b": 1,"a":"\u00e9\U0001f511 \\u0000","n":1.50}'.encode())
        with store.writing() as tx:
            tx.trail.append_event(event)
            assert tx.trail.list_events(limit=1) == [event]

    def test_an_event_is_written_once(self, store: Store) -> None:
        event = make_event()
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.trail.append_event(event)
            tx.trail.append_event(event)

    # --- answers to operators ---------------------------------------------------------------------

    def test_a_request_is_kept_and_answered_under_its_whole_key(self, store: Store) -> None:
        key = RequestKey(actor_hash="a", operation="o", key="k")
        request = KeptRequest(key=key, request_digest="d", created_at=NOW)
        others = [replace(key, **{name: "x"}) for name in ("actor_hash", "operation", "key")]
        with store.writing() as tx:
            tx.answers.put_request(request, expired_before=Instant(0), expired_from=FAR)
            assert tx.answers.find_request(key) == request
            for other in others:
                tx.answers.put_request(
                    replace(request, key=other), expired_before=Instant(0), expired_from=FAR
                )
            tx.answers.put_answer(key, 200, b"\x00sealed\xff")
        with store.reading() as tx:
            answered = replace(request, status=200, sealed_body=b"\x00sealed\xff")
            assert tx.answers.find_request(key) == answered
            assert [tx.answers.find_request(other) for other in others] == [
                replace(request, key=other) for other in others
            ]

    def test_a_key_is_taken_once_until_it_has_expired(self, store: Store) -> None:
        key = RequestKey(actor_hash="a", operation="o", key="k")
        request = KeptRequest(key=key, request_digest="d", created_at=NOW)
        later = replace(request, request_digest="e", created_at=Instant(NOW + 1))
        with store.writing() as tx:
            tx.answers.put_request(request, expired_before=Instant(0), expired_from=FAR)
            tx.answers.put_answer(key, 200, b"sealed")
        with pytest.raises(RequestInFlight), store.writing() as tx:
            tx.answers.put_request(later, expired_before=Instant(NOW - 1), expired_from=FAR)
        with store.writing() as tx:
            tx.answers.put_request(later, expired_before=NOW, expired_from=FAR)
            assert tx.answers.find_request(key) == later

    def test_old_requests_are_purged_oldest_first(self, store: Store) -> None:
        keys = [RequestKey(actor_hash="a", operation="o", key=f"k{age}") for age in range(4)]
        with store.writing() as tx:
            for age, key in enumerate(keys):
                made = KeptRequest(key=key, request_digest="d", created_at=Instant(NOW - age))
                tx.answers.put_request(made, expired_before=Instant(0), expired_from=FAR)
            assert tx.answers.purge_requests(NOW, FAR, 2) == 2
            assert [key for key in keys if tx.answers.find_request(key)] == keys[:2]
            assert tx.answers.purge_requests(NOW, FAR, -1) == 0

    def test_a_request_dated_in_the_future_gives_way_and_is_purged(self, store: Store) -> None:
        key = RequestKey(actor_hash="a", operation="o", key="k")
        ahead = KeptRequest(key=key, request_digest="d", created_at=Instant(NOW + 5))
        again = replace(ahead, request_digest="e", created_at=NOW)
        with store.writing() as tx:
            tx.answers.put_request(ahead, expired_before=Instant(0), expired_from=FAR)
        with pytest.raises(RequestInFlight), store.writing() as tx:
            tx.answers.put_request(again, expired_before=Instant(0), expired_from=Instant(NOW + 6))
        with store.writing() as tx:
            tx.answers.put_request(again, expired_before=Instant(0), expired_from=Instant(NOW + 5))
            assert tx.answers.find_request(key) == again
            for number in range(3):
                other = replace(ahead, key=replace(key, key=f"k{number}"))
                tx.answers.put_request(other, expired_before=Instant(0), expired_from=FAR)
            assert tx.answers.purge_requests(Instant(0), Instant(NOW + 5), 9) == 0
            assert tx.answers.purge_requests(Instant(0), Instant(NOW + 4), 2) == 2
            assert tx.answers.purge_requests(Instant(NOW + 1), Instant(NOW + 4), 9) == 2
            assert tx.answers.find_request(key) is None

    # --- idempotency keys -----------------------------------------------------------------------

    def test_a_key_is_remembered_for_its_operation(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice, other = make_invoice(shop.product), make_invoice(shop.product)
        record = IdempotencyRecord(
            key="k", request_digest="d", invoice_id=invoice.id, created_at=NOW
        )
        renewed = replace(record, request_digest="e", invoice_id=other.id, created_at=NOW + 1)
        with store.writing() as tx:
            tx.idempotency.put_record("purchase", record)
            tx.invoices.put_invoice(invoice)
            tx.invoices.put_invoice(other)
        with store.reading() as tx:
            assert tx.idempotency.find_record("purchase", "k") == record
            assert tx.idempotency.find_record("redeem", "k") is None
            assert tx.idempotency.find_record("purchase", "K") is None
        with store.writing() as tx:
            tx.idempotency.put_record("purchase", renewed)
            assert tx.idempotency.find_record("purchase", "k") == renewed

    def test_the_keys_of_an_invoice_can_be_freed(self, store: Store) -> None:
        shop = stored_shop(store)
        invoices = [make_invoice(shop.product), make_invoice(shop.product)]
        with store.writing() as tx:
            for number, invoice in enumerate(invoices):
                tx.invoices.put_invoice(invoice)
                for operation in ("purchase", "redeem"):
                    tx.idempotency.put_record(operation, _record(str(number), invoice.id))
            tx.idempotency.remove_for_invoice(invoices[0].id)
            assert tx.idempotency.find_record("purchase", "0") is None
            assert tx.idempotency.find_record("redeem", "0") is None
            assert tx.idempotency.find_record("purchase", "1") is not None

    def test_old_keys_are_purged_oldest_first(self, store: Store) -> None:
        shop = stored_shop(store)
        invoice = make_invoice(shop.product)
        with store.writing() as tx:
            tx.invoices.put_invoice(invoice)
            for age in range(4):
                tx.idempotency.put_record("o", _record(str(age), invoice.id, later(-age)))
            assert tx.idempotency.purge_records(NOW, 2) == 2
            assert tx.idempotency.find_record("o", "3") is None
            assert tx.idempotency.find_record("o", "1") is not None
            assert tx.idempotency.purge_records(NOW, 2) == 1
            assert tx.idempotency.purge_records(NOW, 2) == 0
            assert tx.idempotency.find_record("o", "0") is not None

    # --- buckets --------------------------------------------------------------------------------

    def test_a_bucket_belongs_to_a_kind_and_a_caller(self, store: Store) -> None:
        with store.writing() as tx:
            tx.buckets.put_bucket("poll_ip", "::1", Bucket(units=5, refilled_at=NOW))
            tx.buckets.put_bucket("poll_ip", "::1", Bucket(units=4, refilled_at=later(1)))
        with store.reading() as tx:
            assert tx.buckets.find_bucket("poll_ip", "::1") == Bucket(units=4, refilled_at=later(1))
            assert tx.buckets.find_bucket("poll_ip", "::2") is None
            assert tx.buckets.find_bucket("validate_ip", "::1") is None

    def test_buckets_not_used_for_long_are_purged(self, store: Store) -> None:
        with store.writing() as tx:
            for age in range(4):
                tx.buckets.put_bucket("k", str(age), Bucket(units=0, refilled_at=later(-age)))
            assert tx.buckets.purge_buckets(NOW, 2) == 2
            assert tx.buckets.find_bucket("k", "3") is None
            assert tx.buckets.purge_buckets(NOW, 9) == 1
            assert tx.buckets.find_bucket("k", "0") is not None

    # --- settings -------------------------------------------------------------------------------

    def test_a_setting_can_be_set_changed_and_removed(self, store: Store) -> None:
        with store.writing() as tx:
            assert tx.settings.find_setting("rate") is None
            tx.settings.put_setting("rate", "", NOW)
            assert tx.settings.find_setting("rate") == ""
            tx.settings.put_setting("rate", "60000.5", later(1))
        with store.reading() as tx:
            assert tx.settings.find_setting("rate") == "60000.5"
        with store.writing() as tx:
            tx.settings.put_setting("rate", None, NOW)
            tx.settings.put_setting("rate", None, NOW)
            assert tx.settings.find_setting("rate") is None

    def test_the_first_signing_key_is_kept_for_ever(self, store: Store) -> None:
        with store.writing() as tx:
            assert tx.settings.find_signing_key_pem() is None
            tx.settings.put_signing_key_pem(Secret("private"), "public", NOW)
        with pytest.raises(SigningKeyUnusable), store.writing() as tx:
            tx.settings.put_signing_key_pem(Secret("another"), "another", NOW)
        with store.reading() as tx:
            stored = tx.settings.find_signing_key_pem()
        assert stored is not None
        assert (stored[0].reveal(), stored[1]) == ("private", "public")
        assert "private" not in repr(stored)


def _record(key: str, invoice_id: InvoiceId, created_at: Instant = NOW) -> IdempotencyRecord:
    return IdempotencyRecord(
        key=key, request_digest=new_id(), invoice_id=invoice_id, created_at=created_at
    )
