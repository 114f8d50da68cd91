"""The signing key in the store: made once, checked when loaded, never half used."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from keysat_adapters.sqlite.key_ring import (
    SQLiteKeyRing,
    ensure_signing_key,
    load_signing_key,
)
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.secret import Secret
from keysat_core.errors import SigningKeyUnusable
from keysat_core.signing import SigningKey
from keysat_core.testing.clock import FixedClock
from keysat_core.testing.entropy import SeededEntropy
from tests.support.builders import NOW, make_product

KEY = SigningKey.from_seed(bytes(range(32)))
OTHER = SigningKey.from_seed(bytes(32))


@pytest.fixture
def store() -> Iterator[SQLiteStore]:
    with SQLiteStore.open() as store:
        yield store


def put_key(store: SQLiteStore, private_pem: str, public_pem: str) -> None:
    with store.writing() as tx:
        tx.settings.put_signing_key_pem(Secret(private_pem), public_pem, NOW)


def boot(path: Path, seed: int) -> str:
    """Start as a server does, in a process of its own; give the public key it ended up with."""
    with SQLiteStore.open(path) as store:
        ensure_signing_key(store, SeededEntropy(seed), FixedClock())
        return load_signing_key(store).verify_key.to_pem()


def test_the_first_boot_makes_a_key_that_signs_and_verifies(store: SQLiteStore) -> None:
    ensure_signing_key(store, SeededEntropy(), FixedClock())
    ring = SQLiteKeyRing(store)
    ring.signing_key().verify_key.verify(b"message", ring.signing_key().sign(b"message"))
    assert ring.verifier() is ring.verifier()


def test_the_stored_key_is_the_one_that_is_given(store: SQLiteStore) -> None:
    put_key(store, KEY.to_pem(), KEY.verify_key.to_pem())
    assert SQLiteKeyRing(store).signing_key() == KEY


def test_later_boots_keep_the_key(store: SQLiteStore) -> None:
    ensure_signing_key(store, SeededEntropy(1), FixedClock())
    first = load_signing_key(store)
    ensure_signing_key(store, SeededEntropy(2), FixedClock())
    assert load_signing_key(store) == first


def test_threads_that_boot_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with SQLiteStore.open(tmp_path / "keysat.db") as store, ThreadPoolExecutor(8) as pool:

        def start(seed: int) -> SigningKey:
            ensure_signing_key(store, SeededEntropy(seed), FixedClock())
            return load_signing_key(store)

        assert len(set(pool.map(start, range(16)))) == 1


def test_processes_that_boot_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        keys = set(pool.map(boot, [path] * 3, range(3)))
    assert len(keys) == 1
    assert keys == {boot(path, 9)}


def test_a_store_without_a_key_says_so_when_asked(store: SQLiteStore) -> None:
    ring = SQLiteKeyRing(store)
    for _ in range(2):
        with pytest.raises(SigningKeyUnusable, match="there is none"):
            ring.signing_key()
        with pytest.raises(SigningKeyUnusable, match="there is none"):
            ring.verifier()


def test_a_ring_made_too_early_can_read_again(store: SQLiteStore) -> None:
    ring = SQLiteKeyRing(store)
    put_key(store, KEY.to_pem(), KEY.verify_key.to_pem())
    ring.reload()
    assert ring.signing_key() == KEY


def test_the_key_is_at_hand_inside_a_transaction(store: SQLiteStore) -> None:
    put_key(store, KEY.to_pem(), KEY.verify_key.to_pem())
    ring = SQLiteKeyRing(store)
    with store.writing():
        assert ring.signing_key() == KEY
        assert ring.verifier() is ring.verifier()


@pytest.mark.parametrize(
    ("private_pem", "public_pem", "problem"),
    [
        (KEY.to_pem(), OTHER.verify_key.to_pem(), "does not belong"),
        ("gibberish", KEY.verify_key.to_pem(), "restore a backup"),
        (KEY.to_pem(), "gibberish", "restore a backup"),
        (KEY.to_pem()[:-40], KEY.verify_key.to_pem(), "restore a backup"),
        ("", "", "restore a backup"),
    ],
)
def test_a_damaged_or_foreign_key_is_refused_without_showing_it(
    store: SQLiteStore, private_pem: str, public_pem: str, problem: str
) -> None:
    put_key(store, private_pem, public_pem)
    with pytest.raises(SigningKeyUnusable, match=problem) as refusal:
        SQLiteKeyRing(store).signing_key()
    body = KEY.to_pem().splitlines()[1]
    assert body not in str(refusal.value)
    assert body[:20] not in str(refusal.value.__cause__)


def test_a_key_another_process_imports_signs_and_verifies_here_too(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    with SQLiteStore.open(path) as here, SQLiteStore.open(path) as elsewhere:
        ensure_signing_key(here, SeededEntropy(), FixedClock())
        ring = SQLiteKeyRing(here)
        first, verifier = ring.signing_key(), ring.verifier()
        with elsewhere.writing() as tx:
            tx.products.put_product(make_product())
        assert ring.signing_key() is first
        with elsewhere.writing() as tx:
            tx.settings.replace_signing_key_pem(Secret(KEY.to_pem()), KEY.verify_key.to_pem(), NOW)
        assert ring.signing_key() == KEY != first
        assert ring.verifier() is not verifier
        ring.close()
        assert ring.signing_key() == KEY


def test_a_key_read_before_an_exchange_is_not_kept_after_it(tmp_path: Path) -> None:
    path = tmp_path / "keysat.db"
    with (
        SQLiteStore.open(path) as here,
        SQLiteStore.open(path) as elsewhere,
        ThreadPoolExecutor(4) as pool,
    ):
        ensure_signing_key(here, SeededEntropy(), FixedClock())
        ring = SQLiteKeyRing(here)
        for turn in range(100):
            key = (KEY, OTHER)[turn % 2]
            reloads = [pool.submit(ring.reload) for _ in range(4)]
            with elsewhere.writing() as tx:
                pem = Secret(key.to_pem())
                tx.settings.replace_signing_key_pem(pem, key.verify_key.to_pem(), NOW)
            ring.signing_key()
            for reload in reloads:
                reload.result()
            assert ring.signing_key() == key
        ring.close()
