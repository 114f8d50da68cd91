"""Events about who is paid, through whom and at which rate, and about settings."""

from keysat_core.domain.events.event import Event


class MerchantProfileCreated(Event, frozen=True, kw_only=True):
    """An operator created a merchant profile."""

    event_type = "merchant_profile.created"
    is_published = False
    merchant_profile_id: str
    name: str


class MerchantProfileUpdated(Event, frozen=True, kw_only=True):
    """An operator changed a merchant profile, made it the default, or chose who collects for it."""

    event_type = "merchant_profile.updated"
    is_published = False
    merchant_profile_id: str
    fields: tuple[str, ...]


class MerchantProfileDeleted(Event, frozen=True, kw_only=True):
    """An operator deleted a merchant profile."""

    event_type = "merchant_profile.deleted"
    is_published = False
    merchant_profile_id: str
    name: str


class ProviderConnected(Event, frozen=True, kw_only=True):
    """A payment provider was connected to a merchant profile."""

    event_type = "payment_provider.connected"
    is_published = False
    provider_id: str
    kind: str
    merchant_profile_id: str


class ProviderDisconnected(Event, frozen=True, kw_only=True):
    """A payment provider was disconnected; its invoices stay."""

    event_type = "payment_provider.disconnected"
    is_published = False
    provider_id: str
    kind: str
    merchant_profile_id: str


class ProviderFailing(Event, frozen=True, kw_only=True):
    """A payment provider needs its operator. ``problem``: unreachable, credential_dead, cannot_sell."""

    event_type = "payment_provider.failing"
    provider_id: str
    kind: str
    problem: str


class ProviderRecovered(Event, frozen=True, kw_only=True):
    """A payment provider that was failing answers as it should again."""

    event_type = "payment_provider.recovered"
    provider_id: str
    kind: str


class RatePinned(Event, frozen=True, kw_only=True):
    """An operator fixed what a bitcoin costs, or (None) no longer does."""

    event_type = "rate.pinned"
    is_published = False
    currency: str
    units_per_btc: str | None


class SettingChanged(Event, frozen=True, kw_only=True):
    """An operator changed a setting while the server runs."""

    event_type = "setting.changed"
    is_published = False
    setting: str
    value: str
