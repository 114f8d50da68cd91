"""Connecting a BTCPay Server: networks by address, permissions, stores, versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.connecting import (
    PERMISSIONS,
    STATE_SECONDS,
    BitcoinNetwork,
    ConnectState,
    RemoteStore,
    chosen_store,
    excess_permissions,
    is_supported,
    missing_permissions,
    network_of,
)
from keysat_core.domain.instant import Instant
from keysat_core.errors import InvariantError, StoreUndecided

REGTEST = "bcrt1qwsh9ua5qeutshvrhz474uduwqlw8gfukfpc8vt"
TESTNET = (
    "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
    "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc",
)
MAINNET = (
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
)
NEITHER = ("not-an-address", "ltc1qxyz", "", "  ", "1short", "0" * 30, "1" * 36, "4" * 34)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (REGTEST, BitcoinNetwork.REGTEST),
        (REGTEST.upper(), BitcoinNetwork.REGTEST),
        (f"  {REGTEST}\n", BitcoinNetwork.REGTEST),
        *((one, BitcoinNetwork.TESTNET) for one in TESTNET),
        *((one, BitcoinNetwork.MAINNET) for one in MAINNET),
        *((one, BitcoinNetwork.UNDETERMINED) for one in NEITHER),
    ],
)
def test_an_address_tells_its_network(address: str, network: BitcoinNetwork) -> None:
    assert network_of(address) is network
    assert network.is_test is (network in {BitcoinNetwork.REGTEST, BitcoinNetwork.TESTNET})


@given(st.text())
def test_any_text_has_a_network_and_only_known_ones_are_for_tests(text: str) -> None:
    if network_of(text).is_test:
        assert text.strip().lower().startswith(("bcrt1", "tb1", "m", "n", "2"))


@given(st.text("abc", min_size=1))
def test_what_we_ask_for_is_enough_and_nothing_in_excess(store_id: str) -> None:
    granted = [f"{name}:{store_id}" for name in PERMISSIONS]
    assert missing_permissions(granted, store_id) == []
    assert excess_permissions(granted) == []
    assert missing_permissions(granted, f"{store_id}x") != []
    assert missing_permissions(PERMISSIONS, store_id) == []
    assert len(excess_permissions(PERMISSIONS)) == len(PERMISSIONS)


def test_one_strong_permission_is_enough_and_a_weak_one_is_not() -> None:
    assert missing_permissions(["btcpay.store.canmodifystoresettings:s"], "s") == []
    assert missing_permissions(["unrestricted"], "s") == []
    assert excess_permissions(["unrestricted"]) == ["unrestricted"]
    assert "btcpay.store.cancreateinvoice" in missing_permissions(
        ["btcpay.store.canviewinvoices:s"], "s"
    )
    assert excess_permissions(["btcpay.server.canmodifyserversettings"]) == [
        "btcpay.server.canmodifyserversettings"
    ]


@given(st.integers(-10_000, 10_000))
def test_a_link_is_usable_for_half_an_hour_from_when_it_was_made(age: int) -> None:
    state = ConnectState(token_hash="", merchant_profile_id=None, created_at=Instant(20_000))
    assert state.is_usable(Instant(20_000 + age)) is (0 <= age <= STATE_SECONDS)


stores = st.lists(st.text("abc", min_size=1), unique=True).map(
    lambda ids: [RemoteStore(id=id_, name=f"Store {id_}") for id_ in ids]
)


@given(stores, st.none() | st.text("abc", min_size=1))
def test_a_store_is_chosen_only_when_there_is_no_doubt(
    listed: list[RemoteStore], wanted: str | None
) -> None:
    ids = [store.id for store in listed]
    is_clear = len(listed) == 1 if wanted is None else wanted in ids
    if is_clear:
        assert chosen_store(listed, wanted).id == (wanted or ids[0])
        return
    with pytest.raises(StoreUndecided if ids else InvariantError) as refusal:
        chosen_store(listed, wanted)
    assert all(id_ in str(refusal.value) for id_ in ids)


@pytest.mark.parametrize(
    ("version", "is_new"),
    [
        ("2.0.0", True),
        ("2.4.1", True),
        ("10.0", True),
        ("1.13.5", False),
        ("dev", True),
        ("\N{SUPERSCRIPT ONE}.0", True),
        ("9" * 5_000, True),
    ],
)
def test_only_old_servers_are_refused(version: str, *, is_new: bool) -> None:
    assert is_supported(version) is is_new
