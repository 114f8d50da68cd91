"""Rules broken on purpose, each as a mistake somebody might make: the simulation must find them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, cast

import apsw
import msgspec

from keysat_adapters.sqlite.sales import SQLiteSales
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.tip import TipAttempt, TipStatus
from keysat_core.domain.validation import Facts
from keysat_core.ports.facts import ValidationFacts
from keysat_core.ports.store import Store, Transaction
from tests.support.simulation.world import Bend

Method = Callable[..., Any]


class BentStore:
    """Implements ``ports.store.Store`` around another; ``bent`` methods do something else.

    Each is named by aggregate and method, and is given the method in whose place it stands.
    """

    def __init__(self, store: Store, bent: Mapping[str, Callable[[Method], Method]]) -> None:
        self._store = store
        self._bent = bent

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._opened(self._store.reading())

    def writing(self) -> AbstractContextManager[Transaction]:
        return self._opened(self._store.writing())

    @contextmanager
    def _opened(self, turn: AbstractContextManager[Transaction]) -> Iterator[Transaction]:
        with turn as tx:
            yield cast(Transaction, _Bent(tx, "", self._bent))


class _Bent:
    def __init__(self, inner: object, name: str, bent: Mapping[str, Any]) -> None:
        self._inner = inner
        self._name = name
        self._bent = bent

    def __getattr__(self, name: str) -> object:
        if not self._name and name == "sales":
            return _Bent(SQLiteSales(cast(Transaction, self)), name, self._bent)
        value = getattr(self._inner, name)
        if not self._name:
            return _Bent(value, name, self._bent)
        bend = self._bent.get(f"{self._name}.{name}")
        return bend(value) if bend else value


def bent(**methods: Callable[[Method], Method]) -> Bend:
    """Bend methods of the store; ``licenses__find_license`` names aggregate and method."""
    by_name = {name.replace("__", "."): bend for name, bend in methods.items()}
    return Bend(store=lambda store: BentStore(store, by_name))


def instead(answer: object) -> Callable[[Method], Method]:
    """Stand in for a method with one answer to everything."""
    return lambda _: lambda *_args, **_kwargs: answer


def without(attribute: str, value: str) -> Callable[[Method], Method]:
    """Forget to write what has this value."""

    def bend(write: Method) -> Method:
        return lambda row: None if getattr(row, attribute) == value else write(row)

    return bend


def without_effect(get: Method) -> Method:
    """Forget that a sale had its effect."""
    return lambda id_: msgspec.structs.replace(get(id_), effect_at=None)


def only_pending(list_unresolved: Method) -> Method:
    """Look at no invoice that has ended, though somebody may still pay it."""
    return lambda now, limit: [
        invoice
        for invoice in list_unresolved(now, limit)
        if invoice.status is InvoiceStatus.PENDING
    ]


def not_begun(find_tip: Method) -> Method:
    """Take a tip that may have been paid for one that was not begun."""

    def found(tip_id: str) -> object:
        tip = find_tip(tip_id)
        return msgspec.structs.replace(tip, status=TipStatus.PENDING) if _is_paying(tip) else tip

    return found


def none_begun(list_due_tips: Method) -> Method:
    """Take every tip that may have been paid for one that was not begun."""
    return lambda now, limit: [
        msgspec.structs.replace(tip, status=TipStatus.PENDING) if _is_paying(tip) else tip
        for tip in list_due_tips(now, limit)
    ]


def _is_paying(tip: object) -> bool:
    return isinstance(tip, TipAttempt) and tip.status is TipStatus.PAYING


class StaleStore:
    """Implements ``ports.store.Store``: what was read before a write transaction is used in it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, object] = {}

    def reading(self) -> AbstractContextManager[Transaction]:
        return BentStore(self._store, {"invoices.get_invoice": self._remember}).reading()

    def writing(self) -> AbstractContextManager[Transaction]:
        return BentStore(self._store, {"invoices.get_invoice": self._recall}).writing()

    def _remember(self, get: Method) -> Method:
        def read(invoice_id: str) -> object:
            self._read[invoice_id] = get(invoice_id)
            return self._read[invoice_id]

        return read

    def _recall(self, get: Method) -> Method:
        return lambda invoice_id: self._read.get(invoice_id) or get(invoice_id)


class ForgettingStore:
    """Implements ``ports.store.Store``: no write transaction knows that a sale had its effect."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._store.reading()

    def writing(self) -> AbstractContextManager[Transaction]:
        bends = {
            "licenses.find_license_for_invoice": instead(None),
            "invoices.get_invoice": without_effect,
        }
        return BentStore(self._store, bends).writing()


def drop_unique_sale(path: Path) -> None:
    """Let a sale have more than one license, as far as the database is asked."""
    db = apsw.Connection(str(path))
    db.pragma("writable_schema", 1)
    with db:
        db.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'invoice_id TEXT UNIQUE', 'invoice_id TEXT')"
            " WHERE name = 'licenses'"
        )
        db.execute(
            "DELETE FROM sqlite_schema WHERE tbl_name = 'licenses' AND type = 'index'"
            " AND sql IS NULL AND name LIKE '%autoindex%2'"
        )
    db.close()
    db = apsw.Connection(str(path))
    db.execute("VACUUM")
    db.close()


class RememberingFacts:
    """Implements ``ports.facts.ValidationFacts``: a license is read once, whatever is committed."""

    def __init__(self, facts: ValidationFacts) -> None:
        self._facts = facts
        self._known: dict[tuple[str, str | None], Facts | None] = {}

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        key = (license_id, fingerprint_hash)
        if self._known.get(key) is None:
            self._known[key] = self._facts.find_facts(license_id, fingerprint_hash)
        return self._known[key]


def uncounted(find: Method) -> Method:
    """Forget how many seats are taken."""

    def found(license_id: str, fingerprint_hash: str | None) -> Facts | None:
        facts: Facts | None = find(license_id, fingerprint_hash)
        if facts is None or facts.seats is None:
            return facts
        seats = msgspec.structs.replace(facts.seats, active_count=0)
        return msgspec.structs.replace(facts, seats=seats)

    return found


class UncountedFacts:
    """Implements ``ports.facts.ValidationFacts``: no seat is ever taken."""

    def __init__(self, facts: ValidationFacts) -> None:
        self.find_facts: Callable[[LicenseId, str | None], Facts | None] = uncounted(
            facts.find_facts
        )


class LateStore:
    """Implements ``ports.store.Store``: licenses and their trail are written a transaction later."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._store.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        late: list[tuple[str, str, object]] = []

        def put_off(aggregate: str, method: str) -> Callable[[Method], Method]:
            return lambda _: lambda row: late.append((aggregate, method, row))

        names = ("licenses.put_license", "trail.append_audit", "trail.append_event")
        bends = {name: put_off(*name.split(".")) for name in names}
        with BentStore(self._store, bends).writing() as tx:
            yield tx
        if late:
            with self._store.writing() as tx:
                for aggregate, method, row in late:
                    getattr(getattr(tx, aggregate), method)(row)
