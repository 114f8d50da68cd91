"""The composition root: what is opened, from where, and that it is closed again."""

import threading
from pathlib import Path

import pytest

from keysat_adapters.sandbox.gate import load_sandbox
from keysat_cli.bind import Bind
from keysat_cli.courier import Courier, OwnServer
from keysat_cli.settings import StoreSettings
from keysat_cli.wiring import CLOCK, ENTROPY, open_ports, open_wiring
from keysat_core.domain.ids import InvoiceId, LicenseId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, key_of
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import Tier
from keysat_core.errors import ConfigurationError, ProviderNotLoaded, StoreUnavailable
from keysat_core.ports.bundle import Ports
from keysat_core.signing import SigningKey

TRUSTED = SigningKey.from_seed(bytes(range(32)))
PRO = key_of(
    License(
        id=LicenseId("11111111-1111-4111-8111-111111111111"),
        product_id=ProductId("22222222-2222-4222-8222-222222222222"),
        issued_at=Instant(1_700_000_000),
        entitlements=("unlimited_products", "recurring_billing"),
    ),
    TRUSTED,
)


def settings(folder: Path, *, is_sandbox: bool = False, license_key: str = "") -> StoreSettings:
    return StoreSettings(
        db_path=folder / "keysat.db",
        is_sandbox=is_sandbox,
        self_license_key=Secret(license_key) if license_key else None,
        trust_root_pem=TRUSTED.verify_key.to_pem(),
    )


def tier_of(settings: StoreSettings) -> Tier:
    with open_ports(settings) as ports:
        return ports.self_license.tier


def sandbox_account(ports: Ports) -> ProviderAccount:
    with ports.store.reading() as tx:
        profile = tx.merchants.find_default_profile()
        assert profile is not None
        [account] = tx.merchants.list_accounts(profile.id)
    return account


def test_the_signing_key_is_made_once(tmp_path: Path) -> None:
    with open_ports(settings(tmp_path)) as ports:
        first = ports.keys.signing_key()
    with open_ports(settings(tmp_path)) as ports:
        assert ports.keys.signing_key() == first


def test_everything_is_closed_at_the_end(tmp_path: Path) -> None:
    with open_ports(settings(tmp_path)) as ports:
        store = ports.store
    with pytest.raises(StoreUnavailable), store.reading() as tx:
        tx.products.count_products()


def test_without_a_sandbox_its_account_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with open_wiring(settings(tmp_path, is_sandbox=True)) as wiring:
        assert wiring.ports.sandbox is None
        account = sandbox_account(wiring.ports)
        with pytest.raises(ProviderNotLoaded, match="KEYSAT_SANDBOX_MODE=1"):
            wiring.ports.providers.provider_for(account)


def test_with_a_sandbox_its_account_is_served(tmp_path: Path) -> None:
    chosen = settings(tmp_path, is_sandbox=True)
    sandbox = load_sandbox(
        is_sandbox_mode=True,
        ledger_path=chosen.sandbox_path,
        public_base="http://localhost",
        clock=CLOCK,
        entropy=ENTROPY,
        send=lambda *_: None,
        after_act=lambda: None,
    )
    with open_wiring(chosen, sandbox_loader=lambda: sandbox) as wiring:
        assert wiring.ports.sandbox is sandbox.till
        provider = wiring.ports.providers.provider_for(sandbox_account(wiring.ports))
        assert provider.find_by_external_id(InvoiceId("none")) is None


def test_without_a_license_the_operator_is_a_creator(tmp_path: Path) -> None:
    assert tier_of(settings(tmp_path)) is Tier.CREATOR


def test_a_license_in_the_variable_counts(tmp_path: Path) -> None:
    assert tier_of(settings(tmp_path, license_key=PRO)) is Tier.PRO


def test_a_license_in_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "keysat-license.txt").write_text(PRO + "\n")
    assert tier_of(settings(tmp_path)) is Tier.PRO


def test_the_variable_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "keysat-license.txt").write_text(PRO)
    assert tier_of(settings(tmp_path, license_key="LIC1-A-B")) is Tier.CREATOR


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense", PRO[:-1].encode()])
def test_a_license_that_is_none_never_stops_a_start(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "keysat-license.txt").write_bytes(content)
    assert tier_of(settings(tmp_path)) is Tier.CREATOR


def test_a_license_of_another_issuer_gives_nothing(tmp_path: Path) -> None:
    strangers = StoreSettings(db_path=tmp_path / "keysat.db", self_license_key=Secret(PRO))
    assert tier_of(strangers) is Tier.CREATOR


# --- the sandbox's courier ----------------------------------------------------------------------


def test_a_woken_courier_delivers_at_once() -> None:
    delivered = threading.Event()
    Courier(delivered.set).wake()
    assert delivered.wait(5)


def test_a_courier_woken_on_the_way_goes_once_more_and_never_twice_at_once() -> None:
    rounds: list[int] = []
    begun, may_end, done = threading.Event(), threading.Event(), threading.Event()

    def deliver() -> None:
        rounds.append(len(rounds))
        begun.set()
        may_end.wait(5)
        if len(rounds) == 2:
            done.set()

    courier = Courier(deliver)
    courier.wake()
    assert begun.wait(5)
    for _ in range(5):
        courier.wake()
    assert rounds == [0]
    may_end.set()
    assert done.wait(5)
    assert rounds == [0, 1]


def test_nothing_is_sent_before_the_server_listens() -> None:
    own = OwnServer(Bind(host="127.0.0.1", port=0))
    assert own("/", {}, b"") is None


def test_a_sandbox_needs_a_server_its_own_machine_can_reach() -> None:
    with pytest.raises(ConfigurationError) as caught:
        OwnServer(Bind(host="192.0.2.1", port=8080))
    assert caught.value.setting == "KEYSAT_BIND"
