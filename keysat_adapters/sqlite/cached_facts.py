"""Facts of licenses kept in memory for as long as nobody commits anything."""

import threading
from typing import Final, TypeAlias

import apsw
import msgspec

from keysat_adapters.sqlite.connection import is_memory, open_reader
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.sqlite.turn import View
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.validation import Facts
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.facts import ValidationFacts

FACTS_MAX: Final = 16_384
"""Pairs of a license and a machine kept: about 2.5 kB each, and the busiest fit."""

FACTS_BYTES_MAX: Final = 4_096
"""Largest facts kept, spelled as JSON: metadata may be 64 kB, and 16 384 of these would be 1 GB."""

_Key: TypeAlias = tuple[LicenseId, str | None]

_VERSION: Final = "PRAGMA data_version"


class CachedFacts:
    """Implements ``ports.facts.CommittedFacts`` beside a store; threads share it.

    It reads over a connection that never writes, so that SQLite tells it of every commit, by this
    process and others alike; any commit empties it (PERFORMANCE, design 5). The connection's
    ``data_version()`` would miss some; the pragma does not. A database in memory has one connection
    and nobody to tell, so it is read each time.
    """

    def __init__(self, store: SQLiteStore, *, facts_max: int = FACTS_MAX) -> None:
        self._store = store
        self._view = None if is_memory(store.path) else View(open_reader(store.path))
        self._facts_max = facts_max
        self._facts: dict[_Key, Facts] = {}
        self._unchecked = _Unchecked(self, self._facts)
        self._version = -1
        self._lock = threading.Lock()

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        """Give the facts as committed now; see ``ports.facts.ValidationFacts``."""
        view = self._view
        if view is None:
            with self._store.reading() as tx:
                return tx.facts.find_facts(license_id, fingerprint_hash)
        key = (license_id, fingerprint_hash)
        with self._lock:
            version = self._check(view)
            known = self._facts.get(key)
            if known is not None:
                return known
            view.session.begin(may_write=False)
            try:
                known = view.transaction.facts.find_facts(license_id, fingerprint_hash)
            finally:
                view.session.abandon()
            # A commit between the two looks may or may not be in what was read.
            if known is not None and _is_worth_keeping(known) and _version_of(view) == version:
                self._remember(key, known)
            return known

    def as_of_now(self) -> ValidationFacts:
        """Give facts that are not checked again; see ``ports.facts.CommittedFacts``."""
        if self._view is None:
            return self
        with self._lock:
            self._check(self._view)
        return self._unchecked

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._view is not None:
                self._view.session.connection.close()

    def _check(self, view: View) -> int:
        """Forget everything if something was committed."""
        version = _version_of(view)
        if version != self._version:
            self._facts.clear()
            self._version = version
        return version

    def _remember(self, key: _Key, facts: Facts) -> None:
        while len(self._facts) >= self._facts_max:
            del self._facts[next(iter(self._facts))]
        self._facts[key] = facts


def _is_worth_keeping(facts: Facts) -> bool:
    """Leave out what a stranger could make up without end, and what is large.

    A machine that has no seat either gets one, which is a commit, or is refused.
    """
    is_stranger = facts.seats is not None and facts.seats.own is None
    return not is_stranger and len(msgspec.json.encode(facts)) <= FACTS_BYTES_MAX


class _Unchecked:
    """The same facts, without asking first whether anything was committed."""

    __slots__ = ("_checked", "_facts")

    def __init__(self, checked: CachedFacts, facts: dict[_Key, Facts]) -> None:
        self._checked = checked
        self._facts = facts

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        known = self._facts.get((license_id, fingerprint_hash))
        return known or self._checked.find_facts(license_id, fingerprint_hash)


def _version_of(view: View) -> int:
    try:
        version = view.session.connection.execute(_VERSION).get
    except apsw.Error as exc:
        raise refusal(exc) from exc
    if not isinstance(version, int):
        raise StoreUnavailable("it does not tell its version")
    return version
