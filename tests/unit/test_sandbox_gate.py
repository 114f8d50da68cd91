from pathlib import Path
from typing import cast

import pytest

from keysat_adapters.registry import ProviderRegistry
from keysat_adapters.sandbox.deliveries import SandboxDeliveries
from keysat_adapters.sandbox.gate import load_sandbox
from keysat_adapters.sandbox.ledger import Ledger
from keysat_adapters.sandbox.permit import REMEDY, Permit
from keysat_adapters.sandbox.provider import SandboxProvider
from keysat_adapters.sandbox.till import PretendTill
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import ProviderNotLoaded
from keysat_core.ports.payments import PaymentProviders
from tests.support.sandbox_shop import ACCOUNT, CountingEntropy, HandClock, open_shop

LOOKS_LIKE_A_PERMIT = [None, True, "1", object()]


def test_outside_sandbox_mode_nothing_loads_and_nothing_is_touched(tmp_path: Path) -> None:
    with pytest.raises(ProviderNotLoaded) as refusal:
        load_sandbox(
            is_sandbox_mode=False,
            ledger_path=tmp_path / "sandbox.db",
            public_base="https://shop.example",
            clock=HandClock(),
            entropy=CountingEntropy(),
            send=lambda *_: 200,
            after_act=lambda: None,
        )
    assert refusal.value.kind == "sandbox"
    assert "KEYSAT_SANDBOX_MODE=1" in refusal.value.remedy
    assert "real money" in refusal.value.remedy
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["yes", "false", 1, None])
def test_only_a_plain_yes_opens_the_gate(word: object) -> None:
    with pytest.raises(ProviderNotLoaded):
        Permit(is_sandbox_mode=cast("bool", word))


@pytest.mark.parametrize("pretence", LOOKS_LIKE_A_PERMIT)
def test_no_part_exists_without_a_permit(pretence: object) -> None:
    permit = cast("Permit", pretence)
    clock = HandClock()
    ledger = Ledger(Permit(is_sandbox_mode=True), None, entropy=CountingEntropy())
    with pytest.raises(ProviderNotLoaded):
        Ledger(permit, None, entropy=CountingEntropy())
    with pytest.raises(ProviderNotLoaded):
        SandboxProvider(
            permit,
            account_id=ACCOUNT.id,
            ledger=ledger,
            public_base="https://shop.example",
            clock=clock,
        )
    with pytest.raises(ProviderNotLoaded):
        PretendTill(permit, ledger=ledger, clock=clock, after_act=lambda: None)
    with pytest.raises(ProviderNotLoaded):
        SandboxDeliveries(permit, ledger=ledger, send=lambda *_: 200, webhook_path="/")


def test_a_loaded_kind_is_given_to_its_account() -> None:
    sandbox = open_shop().sandbox
    registry: PaymentProviders = ProviderRegistry(
        {ProviderKind.SANDBOX: sandbox.provider_for}, remedies={}
    )
    assert isinstance(registry.provider_for(ACCOUNT), SandboxProvider)


def test_a_kind_that_is_not_loaded_says_what_to_change() -> None:
    registry = ProviderRegistry({}, remedies={ProviderKind.SANDBOX: REMEDY})
    with pytest.raises(ProviderNotLoaded) as refusal:
        registry.provider_for(ACCOUNT)
    assert refusal.value.remedy == REMEDY


def test_a_kind_nobody_knows_still_has_a_remedy() -> None:
    with pytest.raises(ProviderNotLoaded) as refusal:
        ProviderRegistry({}, remedies={}).provider_for(ACCOUNT)
    assert "connect another payment provider" in refusal.value.remedy
