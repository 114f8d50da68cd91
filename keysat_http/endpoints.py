"""Every route of the shop, for ``create_app``. The server's own routes are in ``keysat_http.app``."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from keysat_core.ports.bundle import Ports
from keysat_http.admin import (
    api_keys,
    audit,
    btcpay,
    bulk_licenses,
    codes,
    community,
    database,
    events,
    exports,
    figures,
    invoices,
    issuer_key,
    late_payments,
    license_lists,
    licenses,
    machines,
    merchant_logos,
    merchant_profiles,
    operator_settings,
    policies,
    policy_switches,
    products,
    rates,
    saved_payments,
    search,
    self_license,
    server_health,
    sign_in,
    subscriptions,
    tier,
    tier_changes,
    tips,
    web_password,
    web_sessions,
    webhook_deliveries,
    webhooks,
    zaprite,
)
from keysat_http.hooks import btcpay as btcpay_hook
from keysat_http.hooks import sandbox as sandbox_hook
from keysat_http.hooks import zaprite as zaprite_hook
from keysat_http.hooks.landing import Landing
from keysat_http.limits import LOOK_SECONDS, PURCHASE_SECONDS
from keysat_http.nudging import NudgeLimiter
from keysat_http.pages import (
    btcpay_callback,
    buy,
    checkout,
    license_files,
    logos,
    receipt,
    recover_page,
    sandbox_checkout,
    thank_you,
)
from keysat_http.pages.admin.frame import provide_frame
from keysat_http.pages.admin.places import SCREENS
from keysat_http.pages.static_files import STATIC_ROUTES
from keysat_http.provider_threads import ProviderThreads
from keysat_http.public import catalog, purchase, recover, upgrade, validate
from keysat_http.public import codes as public_codes
from keysat_http.public import machines as public_machines
from keysat_http.public import subscriptions as public_subscriptions

PUBLIC: Final[tuple[ControllerRouterHandler, ...]] = (
    catalog.list_catalog_products,
    catalog.get_catalog_product,
    catalog.list_product_tiers,
    purchase.start_purchase,
    purchase.get_purchase,
    public_codes.redeem,
    public_codes.preview,
    recover.recover_license,
    upgrade.get_upgrade_quote,
    upgrade.start_upgrade,
    validate.validate,
    public_machines.activate,
    public_machines.heartbeat,
    public_machines.deactivate,
    public_subscriptions.cancel_own_subscription_by_key,
)
SIGN_IN: Final[tuple[ControllerRouterHandler, ...]] = (
    sign_in.sign_in,
    sign_in.sign_out,
    sign_in.get_sign_in_status,
)
ADMIN: Final[tuple[ControllerRouterHandler, ...]] = (
    api_keys.create_api_key,
    api_keys.list_api_keys,
    api_keys.revoke_api_key,
    web_password.set_web_password,
    web_sessions.list_web_sessions,
    web_sessions.end_web_session,
    web_sessions.end_other_web_sessions,
    products.create_product,
    products.list_products,
    products.get_product,
    products.update_product,
    products.set_product_active,
    products.set_policy_order,
    products.delete_product,
    policies.create_policy,
    policies.list_policies,
    policies.get_policy,
    policies.update_policy,
    policy_switches.set_policy_active,
    policy_switches.set_policy_public,
    policy_switches.set_policy_archived,
    policy_switches.set_policy_tip,
    policies.delete_policy,
    tips.list_tips,
    tips.get_tips_cap,
    tips.put_tips_cap,
    license_lists.list_licenses,
    license_lists.search_licenses,
    license_lists.summarize_licenses,
    license_lists.count_licenses,
    license_lists.summarize_revenue,
    figures.get_figures,
    search.find_anything,
    licenses.issue_license,
    bulk_licenses.issue_licenses_in_bulk,
    licenses.get_license,
    licenses.revoke_license,
    licenses.suspend,
    licenses.unsuspend,
    tier_changes.change_license_tier,
    tier_changes.get_tier_quote,
    tier_changes.list_tier_changes,
    tier_changes.cancel_tier_change,
    invoices.list_invoices,
    invoices.get_invoice,
    invoices.settle_invoice_by_hand,
    saved_payments.list_saved_payments,
    saved_payments.charge_saved_payment,
    late_payments.get_late_payments,
    late_payments.choose_late_payments,
    subscriptions.list_subscriptions,
    subscriptions.get_subscription,
    subscriptions.cancel_subscription,
    machines.list_machines,
    machines.deactivate_machine,
    tier.get_tier,
    self_license.get_self_license,
    self_license.activate_self_license,
    self_license.refresh_self_license,
    operator_settings.get_operator_name,
    operator_settings.set_operator_name,
    operator_settings.get_retention,
    operator_settings.set_retention,
    community.get_community_analytics,
    community.set_community_analytics,
    community.reset_community_analytics,
    database.get_database_info,
    server_health.get_server_health,
    issuer_key.import_issuer_key,
    audit.list_audit,
    exports.export_licenses,
    exports.export_invoices,
    exports.export_audit,
    exports.export_discount_codes,
    rates.list_rates,
    rates.refresh_rate,
    rates.put_rate_pin,
    codes.create_discount_code,
    codes.list_discount_codes,
    codes.attribute_discount_codes,
    codes.get_discount_code,
    codes.update_discount_code,
    codes.set_discount_code_active,
    codes.delete_discount_code,
    webhooks.create_webhook_endpoint,
    webhooks.list_webhook_endpoints,
    webhooks.get_webhook_endpoint,
    webhooks.update_webhook_endpoint,
    webhooks.set_webhook_endpoint_active,
    webhooks.delete_webhook_endpoint,
    webhooks.replay_webhook_events,
    webhooks.rotate_webhook_secret,
    webhooks.ping_webhook_endpoint,
    events.list_events,
    webhook_deliveries.list_webhook_deliveries,
    webhook_deliveries.get_webhook_delivery,
    webhook_deliveries.retry_webhook_delivery,
    merchant_profiles.list_merchant_profiles,
    merchant_profiles.create_merchant_profile,
    merchant_profiles.get_merchant_profile,
    merchant_profiles.update_merchant_profile,
    merchant_profiles.delete_merchant_profile,
    merchant_profiles.set_default_merchant_profile,
    merchant_logos.set_merchant_logo,
    merchant_logos.clear_merchant_logo,
    merchant_profiles.set_rail_preference,
    merchant_profiles.clear_rail_preference,
    merchant_profiles.get_payment_provider_status,
    btcpay.start_btcpay_connect,
    btcpay.get_btcpay_status,
    btcpay.list_btcpay_payment_methods,
    btcpay.stop_btcpay,
    zaprite.connect_zaprite_account,
    zaprite.get_zaprite_status,
    zaprite.disconnect_zaprite_account,
)
HOOKS: Final[tuple[ControllerRouterHandler, ...]] = (
    btcpay_hook.receive_btcpay_webhook,
    btcpay_hook.receive_btcpay_webhook_of_any,
    zaprite_hook.receive_zaprite_webhook,
    zaprite_hook.receive_zaprite_webhook_of_default,
)
PAGES: Final[tuple[ControllerRouterHandler, ...]] = (
    buy.show_buy_page,
    buy.buy,
    checkout.show_checkout,
    thank_you.show_thank_you,
    license_files.get_license_file,
    license_files.get_license_qr,
    logos.get_logo,
    receipt.show_receipt,
    recover_page.show_recover,
    recover_page.recover_by_form,
    btcpay_callback.finish_btcpay_connect,
    btcpay_callback.finish_btcpay_connect_by_link,
    *STATIC_ROUTES,
)
SANDBOX: Final[tuple[ControllerRouterHandler, ...]] = (
    sandbox_hook.receive_sandbox_webhook,
    sandbox_checkout.show_sandbox_checkout,
    sandbox_checkout.act_on_sandbox_checkout,
)
"""Pretend money: only where there is a till for it."""


def route_handlers(ports: Ports) -> list[ControllerRouterHandler]:
    """Give the routes for these ports; they need ``route_dependencies`` too."""
    pretend = SANDBOX if ports.sandbox is not None else ()
    return [*PUBLIC, *SIGN_IN, *ADMIN, *HOOKS, *PAGES, *SCREENS, *pretend]


def route_dependencies(
    *,
    purchase_seconds: float = PURCHASE_SECONDS,
    look_seconds: float = LOOK_SECONDS,
    read_time: Callable[[], float] = monotonic,
) -> dict[str, Provide]:
    """Give what the routes need besides ports: the threads their calls to providers run in, say."""
    threads = ProviderThreads(look_seconds=look_seconds)
    nudges = NudgeLimiter(read_time)
    return {
        "frame": Provide(provide_frame, sync_to_thread=False),
        "provider_threads": Provide(lambda: threads, sync_to_thread=False),
        "landing": Provide(Landing, sync_to_thread=False),
        "nudges": Provide(lambda: nudges, sync_to_thread=False),
        "purchase_seconds": Provide(lambda: purchase_seconds, sync_to_thread=False),
    }
