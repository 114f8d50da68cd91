"""How every store must keep transactions apart: isolation, atomicity, refusals."""

import threading
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import pytest

from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import (
    NOW,
    make_audit,
    make_license,
    make_product,
    make_receipt,
    new_id,
    stored_shop,
)


class TransactionContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_what_is_written_is_read_by_the_next_transaction(self, store: Store) -> None:
        product = make_product()
        with store.writing() as tx:
            tx.products.put_product(product)
        with store.reading() as tx:
            assert tx.products.get_product(product.id) == product

    def test_a_writer_reads_its_own_writes(self, store: Store) -> None:
        product = make_product()
        with store.writing() as tx:
            tx.products.put_product(product)
            assert tx.products.find_product_by_slug(product.slug) == product

    def test_an_error_undoes_everything(self, store: Store) -> None:
        with pytest.raises(ZeroDivisionError), store.writing() as tx:
            tx.products.put_product(make_product())
            tx.settings.put_setting("name", "value", NOW)
            raise ZeroDivisionError
        with store.reading() as tx:
            assert tx.products.count_products() == 0
            assert tx.settings.find_setting("name") is None

    def test_an_interrupt_undoes_everything(self, store: Store) -> None:
        with pytest.raises(KeyboardInterrupt), store.writing() as tx:
            tx.products.put_product(make_product())
            raise KeyboardInterrupt
        with store.writing() as tx:
            assert tx.products.count_products() == 0

    def test_a_refused_statement_undoes_everything_before_it(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.products.put_product(make_product())
            tx.licenses.put_license(make_license())
        with store.reading() as tx:
            assert tx.products.count_products() == 0

    def test_a_refusal_the_caller_catches_leaves_the_rest_in_place(self, store: Store) -> None:
        product = make_product()
        with store.writing() as tx:
            tx.products.put_product(product)
            with suppress(StoreUnavailable):
                tx.licenses.put_license(make_license())
        with store.reading() as tx:
            assert tx.products.count_products() == 1
            assert tx.licenses.license_summary(NOW).total == 0

    def test_what_must_fit_at_the_end_is_checked_at_the_end(self, store: Store) -> None:
        """A receipt may name an invoice written after it, but not one that is never written."""
        shop = stored_shop(store)
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.products.put_product(make_product())
            tx.receipts.put_receipt(_receipt_of_an_unknown_invoice(shop.account.id))
        with store.reading() as tx:
            assert tx.products.count_products() == 1

    def test_writing_while_reading_is_refused(self, store: Store) -> None:
        with pytest.raises(StoreUnavailable), store.reading() as tx:
            tx.products.put_product(make_product())
        with store.writing() as tx:
            tx.products.put_product(make_product())
        with store.reading() as tx:
            assert tx.products.count_products() == 1

    @pytest.mark.parametrize("outer", ["reading", "writing"])
    @pytest.mark.parametrize("inner", ["reading", "writing"])
    def test_transactions_do_not_nest(self, store: Store, outer: str, inner: str) -> None:
        openers = {"reading": store.reading, "writing": store.writing}
        with pytest.raises(RuntimeError, match="do not nest"), openers[outer](), openers[inner]():
            pass
        with store.writing() as tx:
            tx.products.put_product(make_product())

    @pytest.mark.parametrize("kind", ["reading", "writing"])
    def test_a_transaction_that_has_ended_answers_nothing(self, store: Store, kind: str) -> None:
        with store.writing() if kind == "writing" else store.reading() as tx:
            pass
        with pytest.raises(StoreUnavailable, match="ended"):
            tx.products.count_products()
        with pytest.raises(StoreUnavailable, match="ended"):
            tx.products.put_product(make_product())

    def test_a_snapshot_does_not_move(self, store: Store) -> None:
        written = threading.Event()

        def write() -> None:
            with store.writing() as tx:
                tx.products.put_product(make_product())
            written.set()

        with ThreadPoolExecutor(max_workers=1) as pool:
            with store.reading() as tx:
                before = tx.products.count_products()
                writer = pool.submit(write)
                # A store whose readers and writers exclude each other makes the writer wait here.
                written.wait(timeout=0.2)
                assert tx.products.count_products() == before == 0
            writer.result(timeout=10)
        with store.reading() as tx:
            assert tx.products.count_products() == 1

    def test_a_reader_never_sees_half_a_change(self, store: Store) -> None:
        stop = threading.Event()

        def write() -> None:
            for number in range(50):
                with store.writing() as tx:
                    tx.settings.put_setting("left", str(number), NOW)
                    tx.settings.put_setting("right", str(number), NOW)
            stop.set()

        def read() -> bool:
            while not stop.is_set():
                with store.reading() as tx:
                    left = tx.settings.find_setting("left")
                    if left != tx.settings.find_setting("right"):
                        return False
            return True

        with ThreadPoolExecutor(max_workers=4) as pool:
            readers = [pool.submit(read) for _ in range(3)]
            pool.submit(write).result(timeout=60)
            assert all(reader.result(timeout=60) for reader in readers)

    def test_writers_take_turns(self, store: Store) -> None:
        """A value read in a write transaction is still true when the change is made."""

        def count_up() -> None:
            with store.writing() as tx:
                seen = int(tx.settings.find_setting("count") or "0")
                tx.settings.put_setting("count", str(seen + 1), NOW)

        with ThreadPoolExecutor(max_workers=8) as pool:
            for future in [pool.submit(count_up) for _ in range(80)]:
                future.result(timeout=60)
        with store.reading() as tx:
            assert tx.settings.find_setting("count") == "80"

    def test_text_that_cannot_be_stored_is_refused_as_input(self, store: Store) -> None:
        with pytest.raises(ValueError, match="cannot be stored"), store.reading() as tx:
            tx.products.find_product_by_slug("half a pair: \ud800")

    def test_text_within_a_document_is_refused_alike(self, store: Store) -> None:
        entry = make_audit(details={"reason": "half a pair: \ud800"})
        with pytest.raises(ValueError, match="cannot be stored"), store.writing() as tx:
            tx.trail.append_audit(entry)

    def test_a_number_that_cannot_be_stored_is_refused_as_input(self, store: Store) -> None:
        shop = stored_shop(store)
        far = msgspec.structs.replace(shop.product, created_at=2**63)
        with pytest.raises(ValueError, match="cannot be stored"), store.writing() as tx:
            tx.products.put_product(far)

    def test_hostile_text_is_only_text(self, store: Store) -> None:
        name = "'; DROP TABLE products; --\"\\ %_\u2028\U0001f511"
        product = make_product(name=name, description=name, metadata={name: [name]})
        with store.writing() as tx:
            tx.products.put_product(product)
        with store.reading() as tx:
            assert tx.products.get_product(product.id) == product


def _receipt_of_an_unknown_invoice(account_id: str) -> WebhookReceipt:
    return make_receipt(provider_account_id=account_id, invoice_id=new_id())
