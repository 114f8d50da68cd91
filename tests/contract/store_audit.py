"""The audit log in every store: entries with their ids, and a chain that holds."""

from abc import ABC, abstractmethod

import pytest

from keysat_core.domain.audit_chain import Link
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.audit_walk import verify_chain
from keysat_core.errors import InvariantError, StoreUnavailable
from keysat_core.ports.store import Store
from tests.support.builders import make_audit, make_event, make_license, stored_shop


class UndoneError(Exception):
    """Ends a transaction that must leave nothing behind."""


class AuditContract(ABC):
    @pytest.fixture
    @abstractmethod
    def store(self) -> Store: ...

    def test_audit_rows_come_back_newest_first_with_their_ids(self, store: Store) -> None:
        entries = [make_audit(details={"n": n}, action=f"a.{n % 2}") for n in range(5)]
        with store.writing() as tx:
            tx.trail.append_audits(entries)
            rows = tx.audit_log.list_rows(AuditFilter())
            assert [(row.id, row.entry) for row in rows] == [
                (n + 1, entries[n]) for n in (4, 3, 2, 1, 0)
            ]
            rows = tx.audit_log.list_rows(AuditFilter(action="a.1", limit=1))
            assert [row.entry for row in rows] == [entries[3]]
            assert tx.audit_log.list_rows(AuditFilter(action="a.2")) == []

    def test_rows_written_one_by_one_or_at_once_make_one_chain(self, store: Store) -> None:
        assert links_of(store) == ([], 0)
        with store.writing() as tx:
            tx.trail.append_audit(make_audit())
            tx.trail.append_audits([make_audit(target_id=None), make_audit(user_agent="\u00e9")])
            tx.trail.append_audits([])
        with store.writing() as tx:
            tx.trail.append_audit(make_audit(details={"x": [None, 1.5, "\U0001f511"]}))
        links, last_id = links_of(store)
        assert [link.id for link in links] == [1, 2, 3, 4]
        assert verify_chain(links, last_id=last_id).is_sound

    def test_what_is_undone_leaves_neither_a_gap_nor_a_seal(self, store: Store) -> None:
        with store.writing() as tx:
            tx.trail.append_audit(make_audit())
        with pytest.raises(UndoneError), store.writing() as tx:
            tx.trail.append_audits([make_audit(), make_audit()])
            raise UndoneError
        with store.writing() as tx:
            tx.trail.append_audit(make_audit())
        links, last_id = links_of(store)
        assert ([link.id for link in links], last_id) == ([1, 2], 2)
        assert verify_chain(links, last_id=last_id).is_sound

    def test_a_chain_is_read_in_pages(self, store: Store) -> None:
        with store.writing() as tx:
            tx.trail.append_audits([make_audit() for _ in range(5)])
        with store.reading() as tx:
            first = tx.audit_log.read_chain(None, 2)
            assert ([link.id for link in first.links], first.next_id) == ([1, 2], 3)
            second = tx.audit_log.read_chain(3, 2)
            assert ([link.id for link in second.links], second.next_id) == ([3, 4], 5)
            last = tx.audit_log.read_chain(5, 2)
            assert ([link.id for link in last.links], last.next_id) == ([5], None)
            assert tx.audit_log.read_chain(6, 2).links == []

    def test_a_chain_is_read_within_its_transaction_only(self, store: Store) -> None:
        with store.reading() as tx:
            log = tx.audit_log
        with pytest.raises(StoreUnavailable):
            log.read_chain(None, 1)

    def test_an_entry_that_cannot_be_stored_is_refused(self, store: Store) -> None:
        for entries in ([make_audit(user_agent="\ud800")], [make_audit(details={"x": "\ud800"})]):
            with pytest.raises(InvariantError), store.writing() as tx:
                tx.trail.append_audits([make_audit(), *entries])
        assert links_of(store) == ([], 0)

    def test_events_written_at_once_come_back_in_order(self, store: Store) -> None:
        events = [make_event() for _ in range(3)]
        with store.writing() as tx:
            tx.trail.append_events(events)
            assert tx.trail.list_events(limit=9) == events

    def test_licenses_added_at_once_come_back_equal(self, store: Store) -> None:
        shop = stored_shop(store)
        licenses = [make_license(shop.product, buyer_email=f"{n}@b.example") for n in range(3)]
        with store.writing() as tx:
            tx.licenses.add_licenses(licenses)
        with store.reading() as tx:
            assert [tx.licenses.get_license(each.id) for each in licenses] == licenses

    def test_a_license_that_is_not_new_cannot_be_added(self, store: Store) -> None:
        shop = stored_shop(store)
        licenses = [make_license(shop.product) for _ in range(2)]
        with store.writing() as tx:
            tx.licenses.put_license(licenses[1])
        with pytest.raises(StoreUnavailable), store.writing() as tx:
            tx.licenses.add_licenses(licenses)
        with store.reading() as tx:
            assert tx.licenses.find_license(licenses[0].id) is None


def links_of(store: Store) -> tuple[list[Link], int]:
    with store.reading() as tx:
        return list(tx.audit_log.read_chain(None, 100).links), tx.audit_log.last_id()
