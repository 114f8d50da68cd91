"""Values for tests: each builder gives something ordinary, and takes by keyword what matters.

``make_shop`` gives rows that fit together, in the order in which a store takes them.
"""

from itertools import count
from typing import Any, Final

import msgspec

from keysat_core.domain.access import Role
from keysat_core.domain.api_key import ApiKey
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.ids import (
    ApiKeyId,
    EventId,
    InvoiceId,
    LicenseId,
    MachineId,
    MerchantProfileId,
    PolicyId,
    ProductId,
    ProviderAccountId,
    TipId,
    WebhookEndpointId,
)
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.machine import Machine
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount, ProviderKind
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import Rail
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.domain.secret import Secret
from keysat_core.domain.tip import TipAttempt
from keysat_core.domain.web_session import WebSession
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.ports.store import Store
from keysat_core.signing import fingerprint_hash
from keysat_core.testing.ids import SeededIds

NOW: Final = Instant(1_800_000_000)

_ids: Final = SeededIds("builders")
_numbers: Final = count(1)


def new_id() -> str:
    """Give an id no other call gives."""
    return _ids.new()


def later(seconds: int) -> Instant:
    """Give an instant that many seconds after ``NOW``, before it if negative."""
    return Instant(NOW + seconds)


def make_product(**fields: Any) -> Product:
    """Give an active product with a slug of its own, at 50 000 sats."""
    number = next(_numbers)
    ordinary: dict[str, Any] = {
        "id": ProductId(new_id()),
        "slug": f"product-{number}",
        "name": f"Product {number}",
        "price": Money(currency=Currency.SAT, amount=50_000),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Product(**(ordinary | fields))


def make_policy(product: Product | None = None, **fields: Any) -> Policy:
    """Give a perpetual single-seat tier of the product with a slug of its own."""
    number = next(_numbers)
    ordinary: dict[str, Any] = {
        "id": PolicyId(new_id()),
        "product_id": product.id if product else ProductId(new_id()),
        "slug": f"policy-{number}",
        "name": f"Policy {number}",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Policy(**(ordinary | fields))


def make_license(product: Product | None = None, **fields: Any) -> License:
    """Give an active perpetual license of the product, issued by hand."""
    ordinary: dict[str, Any] = {
        "id": LicenseId(new_id()),
        "product_id": product.id if product else ProductId(new_id()),
        "issued_at": NOW,
    }
    return License(**(ordinary | fields))


def make_machine(license: License | None = None, **fields: Any) -> Machine:
    """Give a live machine of the license with a fingerprint of its own."""
    fingerprint: str = fields.get("fingerprint", f"machine-{next(_numbers)}")
    ordinary: dict[str, Any] = {
        "id": MachineId(new_id()),
        "license_id": license.id if license else LicenseId(new_id()),
        "fingerprint": fingerprint,
        "fingerprint_hash": fingerprint_hash(fingerprint).hex(),
        "activated_at": NOW,
        "last_heartbeat_at": NOW,
    }
    return Machine(**(ordinary | fields))


def make_invoice(product: Product | None = None, **fields: Any) -> Invoice:
    """Give a pending invoice for the product at 50 000 sats, not yet known to a provider."""
    ordinary: dict[str, Any] = {
        "id": InvoiceId(new_id()),
        "product_id": product.id if product else ProductId(new_id()),
        "amount_sats": 50_000,
        "base_price_sats": 50_000,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Invoice(**(ordinary | fields))


def make_profile(**fields: Any) -> MerchantProfile:
    """Give the default merchant profile."""
    ordinary: dict[str, Any] = {
        "id": MerchantProfileId(new_id()),
        "name": "Keysat",
        "is_default": True,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return MerchantProfile(**(ordinary | fields))


def make_account(profile: MerchantProfile | None = None, **fields: Any) -> ProviderAccount:
    """Give a sandbox account of the profile that serves both bitcoin rails."""
    ordinary: dict[str, Any] = {
        "id": ProviderAccountId(new_id()),
        "merchant_profile_id": profile.id if profile else MerchantProfileId(new_id()),
        "kind": ProviderKind.SANDBOX,
        "label": "Sandbox",
        "served_rails": (Rail.LIGHTNING, Rail.ONCHAIN),
        "connected_at": NOW,
        "updated_at": NOW,
    }
    return ProviderAccount(**(ordinary | fields))


def make_receipt(account: ProviderAccount | None = None, **fields: Any) -> WebhookReceipt:
    """Give a receipt that came before our record of its invoice."""
    ordinary: dict[str, Any] = {
        "id": new_id(),
        "provider_account_id": account.id if account else ProviderAccountId(new_id()),
        "type": "InvoiceSettled",
        "provider_invoice_id": f"provider-{next(_numbers)}",
        "invoice_id": None,
        "delivery_id": None,
        "outcome": ReceiptOutcome.UNMATCHED,
        "received_at": NOW,
    }
    return WebhookReceipt(**(ordinary | fields))


def make_tip(license: License | None = None, **fields: Any) -> TipAttempt:
    """Give a reserved tip of the license, 2.5 % of 50 000 sats."""
    ordinary: dict[str, Any] = {
        "id": TipId(new_id()),
        "license_id": license.id if license else LicenseId(new_id()),
        "policy_id": (license.policy_id if license else None) or PolicyId(new_id()),
        "recipient": "ada@tips.example",
        "amount_sats": 1_250,
        "pct_bps": 250,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return TipAttempt(**(ordinary | fields))


def make_audit(**fields: Any) -> AuditEntry:
    """Give an audit entry of the server itself."""
    ordinary: dict[str, Any] = {
        "actor_kind": "system",
        "actor_hash": None,
        "action": "product.create",
        "target_kind": "product",
        "target_id": new_id(),
        "request_ip": None,
        "user_agent": None,
        "request_id": None,
        "details": {},
        "occurred_at": NOW,
    }
    return AuditEntry(**(ordinary | fields))


def make_event(**fields: Any) -> OutboxEvent:
    """Give a published outbox event."""
    ordinary: dict[str, Any] = {
        "id": EventId(new_id()),
        "event_type": "license.issued",
        "is_published": True,
        "body": b'{"event_type":"license.issued","data":{}}',
        "occurred_at": NOW,
    }
    return OutboxEvent(**(ordinary | fields))


def make_api_key(**fields: Any) -> ApiKey:
    """Give a key of a role that may little."""
    number = next(_numbers)
    ordinary: dict[str, Any] = {
        "id": ApiKeyId(new_id()),
        "label": f"Key {number}",
        "token_hash": f"{number:064x}",
        "role": Role.SUPPORT,
        "created_at": NOW,
    }
    return ApiKey(**(ordinary | fields))


def make_web_session(**fields: Any) -> WebSession:
    """Give a session that has just begun."""
    ordinary: dict[str, Any] = {
        "token_hash": f"{next(_numbers):064x}",
        "created_at": NOW,
        "expires_at": later(86_400),
        "last_seen_at": NOW,
    }
    return WebSession(**(ordinary | fields))


def make_endpoint(**fields: Any) -> WebhookEndpoint:
    """Give an active endpoint that asks for everything."""
    ordinary: dict[str, Any] = {
        "id": WebhookEndpointId(new_id()),
        "url": f"https://hooks.example/{next(_numbers)}",
        "secret": Secret(f"a secret of endpoint {next(_numbers)}"),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return WebhookEndpoint(**(ordinary | fields))


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """A product with one policy, sold through one account of the default profile."""

    profile: MerchantProfile
    account: ProviderAccount
    product: Product
    policy: Policy


def make_shop() -> Shop:
    """Give a shop that fits together."""
    profile, product = make_profile(), make_product()
    return Shop(
        profile=profile,
        account=make_account(profile),
        product=product,
        policy=make_policy(product),
    )


def stored_shop(store: Store) -> Shop:
    """Put a shop into an empty store and give it."""
    shop = make_shop()
    with store.writing() as tx:
        tx.merchants.put_profile(shop.profile)
        tx.merchants.put_account(shop.account)
        tx.products.put_product(shop.product)
        tx.policies.put_policy(shop.policy)
    return shop
