"""Show a buyer a purchase with all that belongs to it: what was bought, of whom, and how it was paid."""

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License, LicenseStatus, key_of
from keysat_core.domain.merchant import MerchantProfile, ProviderKind
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.domain.redemption import Redemption
from keysat_core.domain.subscription import Subscription
from keysat_core.domain.tier_change import TierChange
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction


class PurchaseSheet(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase. ``key`` only while the license is active, as for ``poll_purchase``.

    ``policy`` is the license's tier if there is a license, else what the invoice was opened for.
    ``kind`` is who collects, or whoever would for this seller; None if nobody does.
    """

    invoice: Invoice
    product: Product
    policy: Policy | None
    profile: MerchantProfile | None
    logo_version: str | None
    kind: ProviderKind | None
    license: License | None
    key: str | None
    redemption: Redemption | None
    subscription: Subscription | None
    change: TierChange | None

    @property
    def is_renewal(self) -> bool:
        """It is paid for a license that was there before, and for nothing else."""
        is_older = self.license is not None and self.license.invoice_id != self.invoice.id
        return is_older and self.change is None


def show_purchase(invoice_id: InvoiceId, *, store: Store, keys: KeyRing) -> PurchaseSheet:
    """Give a purchase to whoever has its invoice id, the buyer's proof (public-api 6.2, 14.2).

    Raises:
        NotFound: no such invoice.
    """
    with store.reading() as tx:
        invoice = tx.invoices.get_invoice(invoice_id)
        license = tx.sales.find_license_of(invoice_id)
        product = tx.products.get_product(invoice.product_id)
        policy_id = license.policy_id if license is not None else invoice.policy_id
        profile = _profile(tx, product)
        return PurchaseSheet(
            invoice=invoice,
            product=product,
            policy=tx.policies.get_policy(policy_id) if policy_id is not None else None,
            profile=profile,
            logo_version=tx.logos.find_version(profile.id) if profile is not None else None,
            kind=_kind(tx, invoice, profile),
            license=license,
            key=_key(license, keys),
            redemption=tx.codes.find_redemption_of(invoice_id),
            subscription=(tx.subscriptions.find_subscription_of(license.id) if license else None),
            change=tx.tier_changes.find_tier_change_of(invoice_id),
        )


def _key(license: License | None, keys: KeyRing) -> str | None:
    if license is None or license.status is not LicenseStatus.ACTIVE:
        return None
    return key_of(license, keys.signing_key())


def _profile(tx: Transaction, product: Product) -> MerchantProfile | None:
    if product.merchant_profile_id is not None:
        return tx.merchants.find_profile(product.merchant_profile_id)
    return tx.merchants.find_default_profile()


def _kind(
    tx: Transaction, invoice: Invoice, profile: MerchantProfile | None
) -> ProviderKind | None:
    if invoice.provider_account_id is not None:
        account = tx.merchants.find_account(invoice.provider_account_id)
        if account is not None:
            return account.kind
    accounts = tx.merchants.list_accounts(profile.id) if profile else []
    return next((account.kind for account in accounts), None)
