"""Who asks: an actor with scopes, and the one check every use case starts with."""

from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.errors import Forbidden


class ActorKind(StrEnum):
    """How an actor is written in the audit log (admin-api 6)."""

    ADMIN_API_KEY = "admin_api_key"
    SCOPED_API_KEY = "scoped_api_key"
    WEB_SESSION = "web_session"
    WEB_UI = "web_ui"
    CLI = "cli"
    BUYER = "buyer"
    BUYER_LICENSE_KEY = "buyer_license_key"
    BUYER_SELF_SERVICE = "buyer_self_service"
    PROVIDER = "payment_provider"
    SYSTEM = "system"


class Scope(StrEnum):
    """What a credential may do (admin-api 1.2)."""

    PRODUCTS_READ = "products:read"
    PRODUCTS_WRITE = "products:write"
    POLICIES_READ = "policies:read"
    POLICIES_WRITE = "policies:write"
    LICENSES_READ = "licenses:read"
    LICENSES_WRITE = "licenses:write"
    SUBSCRIPTIONS_READ = "subscriptions:read"
    SUBSCRIPTIONS_WRITE = "subscriptions:write"
    MACHINES_READ = "machines:read"
    MACHINES_WRITE = "machines:write"
    DISCOUNT_CODES_READ = "discount_codes:read"
    DISCOUNT_CODES_WRITE = "discount_codes:write"
    MERCHANT_PROFILES_READ = "merchant_profiles:read"
    MERCHANT_PROFILES_WRITE = "merchant_profiles:write"
    TIER_READ = "tier:read"
    AUDIT_READ = "audit:read"
    RATES_READ = "rates:read"
    RATES_WRITE = "rates:write"
    PAYMENT_PROVIDERS_READ = "payment_providers:read"
    PAYMENT_PROVIDERS_WRITE = "payment_providers:write"
    COMMUNITY_READ = "community:read"
    COMMUNITY_WRITE = "community:write"
    METRICS_READ = "metrics:read"
    BACKUPS_WRITE = "backups:write"
    INVOICES_READ = "invoices:read"
    INVOICES_WRITE = "invoices:write"
    SETTINGS_READ = "settings:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    MASTER = "master"
    """What only the master key may do: no role has it."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """One caller. ``hash`` identifies a credential without revealing it (lower-hex SHA-256).

    ``id`` is that of the API key, or a session's name; the master key has none. ``api_key_id`` is that
    of the API key somebody signed in with.
    """

    kind: ActorKind
    id: str | None = None
    api_key_id: str | None = None
    hash: str | None = None
    scopes: frozenset[Scope] = frozenset()
    request_ip: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


EVERY_SCOPE: Final = frozenset(Scope)

SYSTEM: Final = Actor(kind=ActorKind.SYSTEM)
"""The server acting on its own: ticks and start-up."""


def authorize(actor: Actor, scope: Scope) -> None:
    """Let the actor through if it holds the scope.

    Raises:
        Forbidden: it does not.
    """
    if scope not in actor.scopes:
        raise Forbidden
