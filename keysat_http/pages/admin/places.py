"""Every screen, for ``keysat_http.endpoints``."""

from typing import Final

from litestar.types import ControllerRouterHandler

from keysat_http.pages.admin import (
    api_keys,
    audit,
    code,
    codes,
    health,
    invoices,
    license,
    licenses,
    login,
    machines,
    overview,
    policies,
    policy,
    product,
    products,
    profiles,
    search,
    settings,
    styleguide,
    subscriptions,
    webhooks,
)

SCREENS: Final[tuple[ControllerRouterHandler, ...]] = (
    login.show_sign_in,
    overview.show_overview,
    search.show_search,
    health.show_health_screen,
    products.show_products,
    product.show_product_screen,
    policies.show_policies,
    policy.show_policy_screen,
    codes.show_codes,
    code.show_code_screen,
    licenses.show_licenses,
    license.show_license_screen,
    machines.show_machines,
    subscriptions.show_subscriptions,
    subscriptions.show_subscription_screen,
    invoices.show_invoices,
    invoices.show_invoice_screen,
    profiles.show_profiles,
    profiles.show_profile_screen,
    webhooks.show_webhooks,
    webhooks.show_webhook_screen,
    webhooks.show_delivery_screen,
    settings.show_settings,
    audit.show_audit,
    api_keys.show_api_keys,
    styleguide.show_styleguide,
)
