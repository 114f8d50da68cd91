"""Facts of licenses kept in memory for as long as nobody commits anything."""

import threading
from collections import OrderedDict
from typing import Final, TypeAlias

import apsw
import msgspec

from keysat_adapters.sqlite.connection import is_memory, open_reader
from keysat_adapters.sqlite.facts import SQLiteFacts
from keysat_adapters.sqlite.refusals import refusal
from keysat_adapters.sqlite.session import Reads
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.validation import Facts
from keysat_core.errors import StoreUnavailable
from keysat_core.ports.facts import ValidationFacts

FACTS_MAX: Final = 16_384
"""Pairs of a license and a machine kept: about 2.5 kB each, and the busiest fit."""

FACTS_BYTES_MAX: Final = 4_096
"""Largest entitlements, metadata and fingerprints kept, together: 16 384 of 64 kB would be 1 GB."""

PAGES_KIB: Final = 8_192
"""SQLite's own memory for this connection: the indexes of some ten thousand licenses fit."""

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
        self._reads: Reads | None = None
        self._unchecked: ValidationFacts = _InMemory(store)
        self._kept = _Kept()
        if not is_memory(store.path):
            self._reads = Reads(open_reader(store.path))
            self._reads.connection.pragma("cache_size", -PAGES_KIB)
            self._unchecked = _Unchecked(SQLiteFacts(self._reads), self._kept, facts_max)

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        """Give the facts as committed now; see ``ports.facts.ValidationFacts``."""
        return self.as_of_now().find_facts(license_id, fingerprint_hash)

    def as_of_now(self) -> ValidationFacts:
        """Give facts that are not checked again; see ``ports.facts.CommittedFacts``."""
        if self._reads is not None:
            kept = self._kept
            with kept.lock:
                version = _version_of(self._reads)
                if version != kept.version:
                    kept.facts.clear()
                    kept.version = version
        return self._unchecked

    def close(self) -> None:
        """Close the connection."""
        with self._kept.lock:
            if self._reads is not None:
                self._reads.connection.close()


class _Kept:
    """What is kept, all of it read since ``version`` was seen.

    A commit after that may be in some of it and not in the rest. Nothing is believed before
    another look, and that sees the commit.
    """

    __slots__ = ("facts", "lock", "version")

    def __init__(self) -> None:
        # A plain dict would be searched for its oldest entry, past the places of all that left.
        self.facts: OrderedDict[_Key, Facts] = OrderedDict()
        self.lock = threading.Lock()
        self.version = -1


class _Unchecked:
    """Facts as kept, or else as read, without a look for commits."""

    __slots__ = ("_facts_max", "_kept", "_stored")

    def __init__(self, stored: SQLiteFacts, kept: _Kept, facts_max: int) -> None:
        self._stored = stored
        self._kept = kept
        self._facts_max = facts_max

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        key = (license_id, fingerprint_hash)
        kept = self._kept
        known = kept.facts.get(key)
        if known is not None:
            return known
        # Read and kept in one, so that whoever empties it meanwhile does so before or after both.
        with kept.lock:
            found = self._stored.find_facts(license_id, fingerprint_hash)
            if found is not None and _is_worth_keeping(found):
                while len(kept.facts) >= self._facts_max:
                    kept.facts.popitem(last=False)
                kept.facts[key] = found
        return found


class _InMemory:
    """Facts of a database without a file."""

    __slots__ = ("_store",)

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        with self._store.reading() as tx:
            return tx.facts.find_facts(license_id, fingerprint_hash)


def _is_worth_keeping(facts: Facts) -> bool:
    """Leave out what a stranger could make up without end, and what is large.

    A machine that has no seat either gets one, which is a commit, or is refused.
    """
    texts = [facts.license.fingerprint or "", *facts.license.entitlements]
    if facts.seats is not None:
        if facts.seats.own is None:
            return False
        texts.append(facts.seats.own.fingerprint)
    size = sum(map(_bytes_of, texts))
    if facts.license.metadata:
        size += len(msgspec.json.encode(facts.license.metadata))
    return size <= FACTS_BYTES_MAX


def _bytes_of(text: str) -> int:
    """Give what a text takes in memory, at most: one wide character widens all."""
    return len(text) if text.isascii() else 4 * len(text)


def _version_of(reads: Reads) -> int:
    try:
        version = reads.connection.execute(_VERSION).get
    except apsw.Error as exc:
        raise refusal(exc) from exc
    if not isinstance(version, int):
        raise StoreUnavailable("it does not tell its version")
    return version
