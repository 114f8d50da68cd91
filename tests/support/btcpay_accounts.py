"""Accounts at BTCPay as they come about without consent, and invoices as old databases have them."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from keysat_core.domain.ids import InvoiceId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.merchant import (
    SERVED_RAILS,
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
)
from keysat_core.domain.secret import Secret
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.stores import Store
from tests.support.btcpay_shop import BASE, BTCPayShop
from tests.support.http import PUBLIC_URL

LEGACY_PATH = "/v1/btcpay/webhook"


def default_profile_id(opened: BTCPayShop) -> MerchantProfileId:
    with opened.shop.ports.store.reading() as tx:
        profile = tx.merchants.find_default_profile()
    assert profile is not None
    return profile.id


def add_profile(opened: BTCPayShop, name: str) -> MerchantProfileId:
    """Add a profile, and give its id."""
    profile_id, now = MerchantProfileId(name), opened.clock.now()
    with opened.shop.ports.store.writing() as tx:
        tx.merchants.put_profile(
            MerchantProfile(
                id=profile_id, name=name, is_default=False, created_at=now, updated_at=now
            )
        )
    return profile_id


def add_account(
    opened: BTCPayShop,
    id_: str,
    profile_id: MerchantProfileId,
    *,
    fake: FakeBTCPay | None = None,
    store: Store | None = None,
    base_url: str = BASE,
    webhook_path: str | None = None,
) -> ProviderAccount:
    """Connect a store with a key and a webhook that were made by hand."""
    fake, store = fake or opened.fake, store or opened.store
    key, secret = fake.add_key(store.id), f"the secret of {id_}"
    answer = httpx.Client(transport=fake.transport()).post(
        f"{base_url}/api/v1/stores/{store.id}/webhooks",
        headers={"authorization": f"token {key}"},
        json={"url": f"{PUBLIC_URL}{webhook_path or f'{LEGACY_PATH}/{id_}'}", "secret": secret},
    )
    assert answer.status_code == 200, answer.text
    account = ProviderAccount(
        id=ProviderAccountId(id_),
        merchant_profile_id=profile_id,
        kind=ProviderKind.BTCPAY,
        label="BTCPay (migrated)",
        served_rails=SERVED_RAILS[ProviderKind.BTCPAY],
        base_url=base_url,
        api_key=Secret(key),
        webhook_id=answer.json()["id"],
        webhook_secret=Secret(secret),
        store_id=store.id,
        connected_at=opened.clock.now(),
        updated_at=opened.clock.now(),
    )
    with opened.shop.ports.store.writing() as tx:
        tx.merchants.put_account(account)
    return account


def give_profile(opened: BTCPayShop, product: Mapping[str, Any], id_: MerchantProfileId) -> None:
    """Let a product be paid to a profile."""
    with opened.shop.ports.store.writing() as tx:
        sold = tx.products.get_product(product["id"])
        tx.products.put_product(msgspec.structs.replace(sold, merchant_profile_id=id_))


def change_invoice(opened: BTCPayShop, invoice_id: str, **changes: Any) -> Invoice:
    """Make an invoice what it never was here, such as one an old database names no provider of."""
    with opened.shop.ports.store.writing() as tx:
        found = tx.invoices.get_invoice(InvoiceId(invoice_id))
        changed = msgspec.structs.replace(found, **changes)
        tx.invoices.put_invoice(changed)
    return changed
