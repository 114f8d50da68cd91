"""The one way into the sandbox. Outside sandbox mode it stays shut."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keysat_adapters.sandbox.deliveries import SandboxDeliveries, Send
from keysat_adapters.sandbox.ledger import Ledger
from keysat_adapters.sandbox.permit import Permit
from keysat_adapters.sandbox.provider import SandboxProvider
from keysat_adapters.sandbox.till import PretendTill
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy

WEBHOOK_PATH: Final = "/v1/sandbox/webhook"
"""Where this server receives the sandbox's webhooks; the account's id follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sandbox:
    """A loaded sandbox. ``provider_for`` is the factory for a ``ProviderRegistry``.

    ``close`` ends one whose ledger is in memory; nothing of it can be used afterwards.
    """

    provider_for: Callable[[ProviderAccount], SandboxProvider]
    till: PretendTill
    deliveries: SandboxDeliveries
    close: Callable[[], None]


def load_sandbox(
    *,
    is_sandbox_mode: bool,
    ledger_path: Path | None,
    public_base: str,
    clock: Clock,
    entropy: Entropy,
    send: Send,
    after_act: Callable[[], None],
    webhook_path: str = WEBHOOK_PATH,
) -> Sandbox:
    """Open the ledger (None: in memory) and build everything on it.

    Raises:
        ProviderNotLoaded: sandbox mode is off; nothing was touched.
        ProviderUnavailable: the ledger cannot be opened.
    """
    permit = Permit(is_sandbox_mode=is_sandbox_mode)
    ledger = Ledger(permit, ledger_path, entropy=entropy)

    def provider_for(account: ProviderAccount) -> SandboxProvider:
        return SandboxProvider(
            permit, account_id=account.id, ledger=ledger, public_base=public_base, clock=clock
        )

    return Sandbox(
        provider_for=provider_for,
        till=PretendTill(permit, ledger=ledger, clock=clock, after_act=after_act),
        deliveries=SandboxDeliveries(permit, ledger=ledger, send=send, webhook_path=webhook_path),
        close=ledger.close,
    )
