"""The signing key as the store keeps it: made once, loaded once, checked against its public half."""

from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Final, NamedTuple

from keysat_adapters.sqlite.connection import MEMORY, is_memory, open_reader
from keysat_adapters.sqlite.session import Reads
from keysat_adapters.sqlite.settings import signing_key_pem
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.verified_keys import VerifiedKeys
from keysat_core.domain.inspection import usable_signing_key
from keysat_core.domain.secret import Secret
from keysat_core.errors import SigningKeyUnusable, StoreBusy, StoreUnavailable
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.store import Store
from keysat_core.signing import SigningKey, Verifier
from keysat_core.signing.keys import SEED_BYTES
from keysat_core.signing.license_key import LicensePayload

GLANCE_SECONDS: Final = 1.0
"""For how long what only verifies goes without a look whether the key was exchanged."""

_VERSION: Final = "PRAGMA data_version"


class _Loaded(NamedTuple):
    """One generation of the key, with what was verified by it."""

    signing_key: SigningKey
    verifier: Verifier
    verified_keys: VerifiedKeys


class SQLiteKeyRing:
    """Implements ``ports.keys.KeyRing``.

    The key is read when the ring is made, so that asking for it opens no transaction and is
    allowed inside one. A key that cannot be used is reported when it is asked for.

    A key that another process imports is noticed before the next thing is signed, and within
    ``GLANCE_SECONDS`` by whoever only verifies: that is the hot path, and until the import nothing
    was signed that could be verified.
    """

    __slots__ = ("_loaded", "_lock", "_looked_at", "_reads", "_store", "_version")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._reads: Reads | None = None
        self._version = 0
        self._looked_at = 0.0
        self._loaded: _Loaded | SigningKeyUnusable = _loaded(None)
        path = store.path if isinstance(store, SQLiteStore) else MEMORY
        if not is_memory(path):
            self._reads = Reads(open_reader(path))
        self.reload()

    def reload(self) -> None:
        """Read the key anew, after one was made, restored or imported. Not inside a transaction.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        with self._lock:
            if self._reads is not None:
                # Under the lock of every look, or a key read before an exchange could be kept
                # after it, beside the version of the new one, and be looked at no more.
                self._read(self._reads, self._reads.number(_VERSION))
                return
        # A store in memory has one connection, so what was read stays true within the transaction.
        # The lock is not held here: whoever writes asks for the key while holding the store.
        with self._store.reading() as tx:
            self._loaded = _loaded(tx.settings.find_signing_key_pem())

    def close(self) -> None:
        """Close the connection that watches for other processes; the key stays what it is."""
        with self._lock:
            if self._reads is not None:
                self._reads.connection.close()
                self._reads = None

    def signing_key(self) -> SigningKey:
        """Give the key that signs licenses.

        Raises:
            SigningKeyUnusable: It is missing or damaged.
        """
        self._look()
        return self._usable().signing_key

    def verifier(self) -> Verifier:
        """Give the verifier of licenses this server issued.

        Raises:
            SigningKeyUnusable: The key is missing or damaged.
        """
        self._look()
        return self._usable().verifier

    def payload_of(self, key: str) -> LicensePayload:
        """Give what a license key of this issuer says, remembering keys until the key changes.

        Raises:
            BadKeyFormat, BadKeySignature: It is no key of this issuer.
            SigningKeyUnusable: The key is missing or damaged.
        """
        if monotonic() - self._looked_at >= GLANCE_SECONDS:
            self._look()
        return self._usable().verified_keys.payload_of(key)

    def _look(self) -> None:
        """Read the key anew if anything was committed since the last look and it is another one."""
        with self._lock:
            self._looked_at = monotonic()
            if self._reads is None:
                return
            with suppress(StoreBusy, StoreUnavailable):
                # Whoever needs the database itself is told what is wrong with it.
                version = self._reads.number(_VERSION)
                if version != self._version:
                    self._read(self._reads, version)

    def _read(self, reads: Reads, version: int) -> None:
        """Read the key anew. The version was read before it, so that a later commit is noticed."""
        self._exchange(_loaded(signing_key_pem(reads)))
        self._version = version

    def _exchange(self, found: "_Loaded | SigningKeyUnusable") -> None:
        """Keep what is remembered unless it is another key: most commits are about other things."""
        known = self._loaded
        is_same = (
            isinstance(found, _Loaded)
            and isinstance(known, _Loaded)
            and found.signing_key == known.signing_key
        )
        if not is_same:
            self._loaded = found

    def _usable(self) -> _Loaded:
        if isinstance(self._loaded, SigningKeyUnusable):
            raise self._loaded.with_traceback(None)
        return self._loaded


def _loaded(stored: tuple[Secret, str] | None) -> _Loaded | SigningKeyUnusable:
    try:
        signing_key = usable_signing_key(stored)
    except SigningKeyUnusable as exc:
        return exc
    verifier = Verifier(signing_key.verify_key)
    return _Loaded(signing_key, verifier, VerifiedKeys(verifier))


def load_signing_key(store: Store) -> SigningKey:
    """Read the signing key and check that it belongs to the public key beside it.

    Raises:
        SigningKeyUnusable: It is missing, damaged, or belongs to another public key.
        StoreBusy, StoreUnavailable.
    """
    with store.reading() as tx:
        stored = tx.settings.find_signing_key_pem()
    return usable_signing_key(stored)


def ensure_signing_key(store: Store, entropy: Entropy, clock: Clock) -> None:
    """Make the signing key unless there is one. Of several processes at once, one makes it.

    Raises:
        StoreBusy, StoreUnavailable.
    """
    with store.reading() as tx:
        if tx.settings.find_signing_key_pem() is not None:
            return
    now = clock.now()
    signing_key = SigningKey.from_seed(entropy.token(SEED_BYTES))
    with store.writing() as tx:
        if tx.settings.find_signing_key_pem() is None:
            private_pem = Secret(signing_key.to_pem())
            tx.settings.put_signing_key_pem(private_pem, signing_key.verify_key.to_pem(), now)
