"""The signing key as the store keeps it: made once, loaded once, checked against its public half."""

from typing import NamedTuple

from keysat_adapters.verified_keys import VerifiedKeys
from keysat_core.domain.inspection import usable_signing_key
from keysat_core.domain.secret import Secret
from keysat_core.errors import SigningKeyUnusable
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.store import Store
from keysat_core.signing import SigningKey, Verifier
from keysat_core.signing.keys import SEED_BYTES
from keysat_core.signing.license_key import LicensePayload


class _Loaded(NamedTuple):
    """One generation of the key, with what was verified by it."""

    signing_key: SigningKey
    verifier: Verifier
    verified_keys: VerifiedKeys


class SQLiteKeyRing:
    """Implements ``ports.keys.KeyRing``.

    The key is read when the ring is made, so that asking for it opens no transaction and is
    allowed inside one. A key that cannot be used is reported when it is asked for.
    """

    __slots__ = ("_loaded", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: _Loaded | SigningKeyUnusable
        self.reload()

    def reload(self) -> None:
        """Read the key anew, after one was made or restored. Not inside a transaction.

        Raises:
            StoreBusy, StoreUnavailable.
        """
        try:
            signing_key = load_signing_key(self._store)
        except SigningKeyUnusable as exc:
            self._loaded = exc
        else:
            verifier = Verifier(signing_key.verify_key)
            self._loaded = _Loaded(signing_key, verifier, VerifiedKeys(verifier))

    def signing_key(self) -> SigningKey:
        """Give the key that signs licenses.

        Raises:
            SigningKeyUnusable: It is missing or damaged.
        """
        return self._usable().signing_key

    def verifier(self) -> Verifier:
        """Give the verifier of licenses this server issued.

        Raises:
            SigningKeyUnusable: The key is missing or damaged.
        """
        return self._usable().verifier

    def payload_of(self, key: str) -> LicensePayload:
        """Give what a license key of this issuer says, remembering keys until the next ``reload``.

        Raises:
            BadKeyFormat, BadKeySignature: It is no key of this issuer.
            SigningKeyUnusable: The key is missing or damaged.
        """
        return self._usable().verified_keys.payload_of(key)

    def _usable(self) -> _Loaded:
        if isinstance(self._loaded, SigningKeyUnusable):
            raise self._loaded.with_traceback(None)
        return self._loaded


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
