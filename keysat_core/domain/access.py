"""Who may do what: the roles of API keys, their scopes, and the scope every operation needs.

This is the one table of it. The HTTP guards, the OpenAPI document and ``docs/agents.md`` are made
from it; every use case authorizes its actor by itself too. Source: admin-api 1.2, 1.3 and 1.6;
decisions 8 and 9.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from keysat_core.domain.actor import EVERY_SCOPE, Scope


class Role(StrEnum):
    """What an API key is for."""

    READ_ONLY = "read-only"
    LICENSE_ISSUER = "license-issuer"
    SUPPORT = "support"
    MERCHANT_ONBOARD = "merchant-onboard"
    FULL_ADMIN = "full-admin"


GRANTABLE: Final = frozenset({Scope.PAYMENT_PROVIDERS_WRITE})
"""What a single key may be given beside its role's scopes; no role has it (admin-api 1.2)."""

_READING: Final = frozenset(scope for scope in Scope if scope.endswith(":read"))

ROLE_SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.READ_ONLY: _READING,
    Role.LICENSE_ISSUER: _READING | {Scope.LICENSES_WRITE},
    Role.SUPPORT: _READING
    | {Scope.LICENSES_WRITE, Scope.SUBSCRIPTIONS_WRITE, Scope.MACHINES_WRITE},
    Role.MERCHANT_ONBOARD: _READING
    | {Scope.LICENSES_WRITE, Scope.PRODUCTS_WRITE, Scope.POLICIES_WRITE},
    Role.FULL_ADMIN: EVERY_SCOPE - GRANTABLE - {Scope.MASTER, Scope.BACKUPS_WRITE},
}
"""Backups are made on the machine itself, so no key needs that scope."""

OPERATION_SCOPES: Final[Mapping[str, Scope]] = {
    # The server's own
    "get_metrics": Scope.METRICS_READ,
    "get_tier": Scope.TIER_READ,
    "get_self_license": Scope.TIER_READ,
    "refresh_self_license": Scope.TIER_READ,
    "activate_self_license": Scope.MASTER,
    "list_audit": Scope.AUDIT_READ,
    "export_licenses": Scope.LICENSES_READ,
    "export_invoices": Scope.INVOICES_READ,
    "export_audit": Scope.AUDIT_READ,
    "export_discount_codes": Scope.DISCOUNT_CODES_READ,
    "list_rates": Scope.RATES_READ,
    "refresh_rate": Scope.RATES_WRITE,
    "put_rate_pin": Scope.RATES_WRITE,
    "get_late_payments": Scope.SETTINGS_READ,
    "choose_late_payments": Scope.MASTER,
    # Who may do it
    "create_api_key": Scope.MASTER,
    "list_api_keys": Scope.MASTER,
    "revoke_api_key": Scope.MASTER,
    "set_web_password": Scope.MASTER,
    "list_web_sessions": Scope.MASTER,
    "end_web_session": Scope.MASTER,
    "end_other_web_sessions": Scope.MASTER,
    "get_community_analytics": Scope.COMMUNITY_READ,
    "set_community_analytics": Scope.COMMUNITY_WRITE,
    "reset_community_analytics": Scope.MASTER,
    "get_database_info": Scope.MASTER,
    "get_server_health": Scope.MASTER,
    "import_issuer_key": Scope.MASTER,
    "get_operator_name": Scope.SETTINGS_READ,
    "set_operator_name": Scope.MASTER,
    "get_retention": Scope.SETTINGS_READ,
    "set_retention": Scope.MASTER,
    # What is sold
    "list_products": Scope.PRODUCTS_READ,
    "get_product": Scope.PRODUCTS_READ,
    "create_product": Scope.PRODUCTS_WRITE,
    "update_product": Scope.PRODUCTS_WRITE,
    "set_product_active": Scope.PRODUCTS_WRITE,
    "delete_product": Scope.PRODUCTS_WRITE,
    "set_policy_order": Scope.POLICIES_WRITE,
    "list_policies": Scope.POLICIES_READ,
    "get_policy": Scope.POLICIES_READ,
    "create_policy": Scope.POLICIES_WRITE,
    "update_policy": Scope.POLICIES_WRITE,
    "set_policy_active": Scope.POLICIES_WRITE,
    "set_policy_public": Scope.POLICIES_WRITE,
    "set_policy_archived": Scope.POLICIES_WRITE,
    "set_policy_tip": Scope.POLICIES_WRITE,
    "delete_policy": Scope.POLICIES_WRITE,
    "list_tips": Scope.POLICIES_READ,
    "get_tips_cap": Scope.POLICIES_READ,
    "put_tips_cap": Scope.MASTER,
    "list_discount_codes": Scope.DISCOUNT_CODES_READ,
    "get_discount_code": Scope.DISCOUNT_CODES_READ,
    "attribute_discount_codes": Scope.DISCOUNT_CODES_READ,
    "create_discount_code": Scope.DISCOUNT_CODES_WRITE,
    "update_discount_code": Scope.DISCOUNT_CODES_WRITE,
    "set_discount_code_active": Scope.DISCOUNT_CODES_WRITE,
    "delete_discount_code": Scope.DISCOUNT_CODES_WRITE,
    # What was sold
    "list_licenses": Scope.LICENSES_READ,
    "search_licenses": Scope.LICENSES_READ,
    "summarize_licenses": Scope.LICENSES_READ,
    "count_licenses": Scope.LICENSES_READ,
    "summarize_revenue": Scope.LICENSES_READ,
    "get_figures": Scope.LICENSES_READ,
    "find_anything": Scope.LICENSES_READ,
    "get_license": Scope.LICENSES_READ,
    "issue_license": Scope.LICENSES_WRITE,
    "issue_licenses_in_bulk": Scope.LICENSES_WRITE,
    "revoke_license": Scope.LICENSES_WRITE,
    "suspend": Scope.LICENSES_WRITE,
    "unsuspend": Scope.LICENSES_WRITE,
    "get_tier_quote": Scope.LICENSES_READ,
    "list_tier_changes": Scope.LICENSES_READ,
    "change_license_tier": Scope.LICENSES_WRITE,
    "cancel_tier_change": Scope.LICENSES_WRITE,
    "list_invoices": Scope.INVOICES_READ,
    "get_invoice": Scope.INVOICES_READ,
    "settle_invoice_by_hand": Scope.INVOICES_WRITE,
    "list_saved_payments": Scope.PAYMENT_PROVIDERS_READ,
    "charge_saved_payment": Scope.MASTER,
    "list_subscriptions": Scope.SUBSCRIPTIONS_READ,
    "get_subscription": Scope.SUBSCRIPTIONS_READ,
    "cancel_subscription": Scope.SUBSCRIPTIONS_WRITE,
    "list_machines": Scope.MACHINES_READ,
    "deactivate_machine": Scope.MACHINES_WRITE,
    # Who is told
    "list_webhook_endpoints": Scope.WEBHOOKS_READ,
    "get_webhook_endpoint": Scope.WEBHOOKS_READ,
    "create_webhook_endpoint": Scope.WEBHOOKS_WRITE,
    "update_webhook_endpoint": Scope.WEBHOOKS_WRITE,
    "set_webhook_endpoint_active": Scope.WEBHOOKS_WRITE,
    "delete_webhook_endpoint": Scope.WEBHOOKS_WRITE,
    "replay_webhook_events": Scope.WEBHOOKS_WRITE,
    "rotate_webhook_secret": Scope.WEBHOOKS_WRITE,
    "ping_webhook_endpoint": Scope.WEBHOOKS_WRITE,
    "list_events": Scope.WEBHOOKS_READ,
    "list_webhook_deliveries": Scope.WEBHOOKS_READ,
    "get_webhook_delivery": Scope.WEBHOOKS_READ,
    "retry_webhook_delivery": Scope.WEBHOOKS_WRITE,
    # Who sells and who collects
    "list_merchant_profiles": Scope.MERCHANT_PROFILES_READ,
    "get_merchant_profile": Scope.MERCHANT_PROFILES_READ,
    "create_merchant_profile": Scope.MERCHANT_PROFILES_WRITE,
    "update_merchant_profile": Scope.MERCHANT_PROFILES_WRITE,
    "delete_merchant_profile": Scope.MERCHANT_PROFILES_WRITE,
    "set_default_merchant_profile": Scope.MERCHANT_PROFILES_WRITE,
    "set_merchant_logo": Scope.MERCHANT_PROFILES_WRITE,
    "clear_merchant_logo": Scope.MERCHANT_PROFILES_WRITE,
    "set_rail_preference": Scope.MERCHANT_PROFILES_WRITE,
    "clear_rail_preference": Scope.MERCHANT_PROFILES_WRITE,
    "get_payment_provider_status": Scope.PAYMENT_PROVIDERS_READ,
    "get_btcpay_status": Scope.PAYMENT_PROVIDERS_READ,
    "list_btcpay_payment_methods": Scope.PAYMENT_PROVIDERS_READ,
    "get_zaprite_status": Scope.PAYMENT_PROVIDERS_READ,
    # Only where the money is pretend; the use case sees to that (admin-api 1.3).
    "start_btcpay_connect": Scope.PAYMENT_PROVIDERS_WRITE,
    "stop_btcpay": Scope.MASTER,
    "connect_zaprite_account": Scope.MASTER,
    "disconnect_zaprite_account": Scope.MASTER,
}
"""By the operation's name: that of its HTTP handler, and its id in the OpenAPI document."""


def scopes_of(role: Role, extra: Iterable[Scope] = ()) -> frozenset[Scope]:
    """What a key of a role may do, with what it was given beside; only what is grantable counts."""
    return ROLE_SCOPES[role] | (frozenset(extra) & GRANTABLE)


def roles_with(scope: Scope) -> tuple[Role, ...]:
    """The roles that have a scope, in the order of their reach."""
    return tuple(role for role in Role if scope in ROLE_SCOPES[role])
