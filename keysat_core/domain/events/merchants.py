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


class ProviderWebhookRegistered(Event, frozen=True, kw_only=True):
    """A webhook that was gone at a payment provider was registered anew."""

    event_type = "payment_provider.webhook_registered"
    is_published = False
    provider_id: str
    kind: str


class ProviderWebhookMoved(Event, frozen=True, kw_only=True):
    """A payment provider was told this server's new address for its webhooks."""

    event_type = "payment_provider.webhook_moved"
    is_published = False
    provider_id: str
    kind: str


class ProviderWebhookFailing(Event, frozen=True, kw_only=True):
    """A payment provider's webhooks do not arrive, and its operator must see to it.

    ``problem``: switched_off, elsewhere, refused, undelivered, outdated. Sales are delivered all the
    same, later than they could be.
    """

    event_type = "payment_provider.webhook_failing"
    provider_id: str
    kind: str
    problem: str


class ProviderWebhookRecovered(Event, frozen=True, kw_only=True):
    """A payment provider's webhooks arrive again, or can."""

    event_type = "payment_provider.webhook_recovered"
    provider_id: str
    kind: str


class RateRefreshed(Event, frozen=True, kw_only=True):
    """An operator had the sources asked what a bitcoin costs."""

    event_type = "rate.refreshed"
    is_published = False
    currency: str
    units_per_btc: str
    source: str


class RateDoubted(Event, frozen=True, kw_only=True):
    """A source gave a rate that was not believed. ``believed``: whose was, or None when nobody's."""

    event_type = "rate.outlier"
    is_published = False
    currency: str
    believed: str | None


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
