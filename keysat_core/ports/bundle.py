"""All ports in one value, handed to the shells by the composition root."""

from dataclasses import dataclass

from keysat_core.domain.own_license import self_license_of, standing_at
from keysat_core.domain.self_license import SelfLicense
from keysat_core.ports.activity import Heartbeats, ValidationLog
from keysat_core.ports.checkup import Checkup
from keysat_core.ports.clock import Clock
from keysat_core.ports.connecting import BTCPayServer, ZapriteService
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.facts import CommittedFacts
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.lightning import LightningAddresses
from keysat_core.ports.passwords import Passwords
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.rates import Rates
from keysat_core.ports.sandbox import SandboxTill
from keysat_core.ports.saved_payments import SavedPaymentAccounts
from keysat_core.ports.self_licenses import SelfLicenses
from keysat_core.ports.sender import WebhookSender
from keysat_core.ports.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """What the core needs of the world. ``sandbox`` is None unless sandbox mode is on.

    ``btcpay`` and ``zaprite`` are None where only pretend money can be. ``lightning`` is None where
    nobody is tipped; then tips wait. So do deliveries where ``webhooks`` is.
    Without ``passwords`` nobody signs in with one. ``checkup`` is None where there are no files.
    """

    clock: Clock
    entropy: Entropy
    ids: Ids
    store: Store
    facts: CommittedFacts
    keys: KeyRing
    providers: PaymentProviders
    rates: Rates
    validations: ValidationLog
    heartbeats: Heartbeats
    self_licenses: SelfLicenses
    sandbox: SandboxTill | None = None
    btcpay: BTCPayServer | None = None
    zaprite: ZapriteService | None = None
    lightning: LightningAddresses | None = None
    saved_payments: SavedPaymentAccounts | None = None
    webhooks: WebhookSender | None = None
    passwords: Passwords | None = None
    checkup: Checkup | None = None

    @property
    def self_license(self) -> SelfLicense:
        """What this server's own license entitles its operator to, now."""
        own = self.self_licenses
        standing = standing_at(own.held().standing, self.clock.now())
        return self_license_of(standing, upgrade_base_url=own.upgrade_base_url)
