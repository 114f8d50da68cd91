"""A sale as a whole: gathered from its rows, and written back into them."""

from keysat_core.domain.ids import InvoiceId, LicenseId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import License
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.redemption import CodeUse
from keysat_core.domain.sale_record import (
    BilledCycle,
    NewIds,
    OrderedChange,
    SaleFacts,
    Settlement,
)
from keysat_core.domain.subscription import Subscription
from keysat_core.domain.tier_quote import TierFacts
from keysat_core.errors import NotFound
from keysat_core.ports.store import Transaction


class SQLiteSales:
    """Implements ``ports.store.Sales`` over the other aggregates of the same transaction."""

    __slots__ = ("_rest",)

    def __init__(self, rest: Transaction) -> None:
        self._rest = rest

    def get_facts(self, invoice_id: InvoiceId, new: NewIds) -> SaleFacts:
        """Gather what is known of a sale; raises ``NotFound``."""
        tx = self._rest
        invoice = tx.invoices.get_invoice(invoice_id)
        account_id = invoice.provider_account_id
        account = tx.merchants.find_account(account_id) if account_id else None
        product = tx.products.get_product(invoice.product_id)
        profile_id = product.merchant_profile_id
        if profile_id is None:
            default = tx.merchants.find_default_profile()
            profile_id = default.id if default else None
        return SaleFacts(
            invoice=invoice,
            product=product,
            policy=tx.policies.find_policy(invoice.policy_id) if invoice.policy_id else None,
            issued=tx.licenses.find_license_for_invoice(invoice_id),
            new=new,
            provider_kind=account.kind if account else None,
            merchant_profile_id=profile_id,
            code_use=self._code_use(invoice_id),
            billed=self._billed(invoice_id),
            ordered=self._ordered(invoice_id),
        )

    def put_settlement(self, sale: Settlement) -> None:
        """Write the rows of a settlement."""
        tx = self._rest
        tx.invoices.put_invoice(sale.invoice)
        if sale.license is not None:
            tx.licenses.put_license(sale.license)
        if sale.tip is not None:
            tx.tips.put_tip(sale.tip)
        if sale.saved_payment is not None and tx.saved_payments.find_saved(sale.invoice.id) is None:
            tx.saved_payments.put_saved(sale.saved_payment)
        if sale.code_use is not None:
            tx.codes.put_code(sale.code_use.code)
            tx.codes.put_redemption(sale.code_use.redemption)
        if sale.subscription is not None:
            tx.subscriptions.put_subscription(sale.subscription)
        for cycle in sale.cycles:
            tx.subscriptions.put_cycle(cycle)
        for change in sale.tier_changes:
            tx.tier_changes.put_tier_change(change)

    def find_license_of(self, invoice_id: InvoiceId) -> License | None:
        """Give the license an invoice issued, or has extended or changed; None before that."""
        tx = self._rest
        issued = tx.licenses.find_license_for_invoice(invoice_id)
        if issued is not None:
            return issued
        invoice = tx.invoices.find_invoice(invoice_id)
        if invoice is None or not _is_applied(invoice):
            return None
        change = tx.tier_changes.find_tier_change_of(invoice_id)
        if change is not None:
            return tx.licenses.get_license(change.license_id)
        cycle = tx.subscriptions.find_cycle_of(invoice_id)
        if cycle is None or cycle.number == 1:
            return None
        subscription = tx.subscriptions.get_subscription(cycle.subscription_id)
        return tx.licenses.get_license(subscription.license_id)

    def _code_use(self, invoice_id: InvoiceId) -> CodeUse | None:
        tx = self._rest
        redemption = tx.codes.find_redemption_of(invoice_id)
        if redemption is None:
            return None
        return CodeUse(redemption=redemption, code=tx.codes.get_code(redemption.code_id))

    def _billed(self, invoice_id: InvoiceId) -> BilledCycle | None:
        tx = self._rest
        cycle = tx.subscriptions.find_cycle_of(invoice_id)
        if cycle is None or cycle.number == 1:
            return None
        subscription = tx.subscriptions.get_subscription(cycle.subscription_id)
        return BilledCycle(
            cycle=cycle,
            subscription=subscription,
            license=tx.licenses.get_license(subscription.license_id),
            policy=tx.policies.find_policy(subscription.policy_id),
            last_settled=tx.subscriptions.find_last_settled_cycle(subscription.id),
            open_cycle=tx.subscriptions.find_open_cycle(subscription.id),
        )

    def _ordered(self, invoice_id: InvoiceId) -> OrderedChange | None:
        tx = self._rest
        change = tx.tier_changes.find_tier_change_of(invoice_id)
        if change is None:
            return None
        subscription = tx.subscriptions.find_subscription_of(change.license_id)
        return OrderedChange(
            change=change,
            license=tx.licenses.get_license(change.license_id),
            target=tx.policies.get_policy(change.to_policy_id),
            subscription=subscription,
            open_cycle=tx.subscriptions.find_open_cycle(subscription.id) if subscription else None,
            scheduled=tx.tier_changes.find_scheduled_change(change.license_id),
        )

    def get_tier_facts(self, license_id: LicenseId) -> TierFacts:
        """Gather what a change of a license's tier depends on; raises ``NotFound``."""
        tx = self._rest
        license = tx.licenses.get_license(license_id)
        product = tx.products.get_product(license.product_id)
        subscription = tx.subscriptions.find_subscription_of(license_id)
        original = tx.invoices.find_invoice(license.invoice_id) if license.invoice_id else None
        profile_id = subscription.merchant_profile_id if subscription else None
        profile_id = profile_id or product.merchant_profile_id
        if profile_id is None:
            default = tx.merchants.find_default_profile()
            profile_id = default.id if default else None
        return TierFacts(
            license=license,
            product=product,
            current=tx.policies.find_policy(license.policy_id) if license.policy_id else None,
            subscription=subscription,
            open_cycle=tx.subscriptions.find_open_cycle(subscription.id) if subscription else None,
            scheduled=tx.tier_changes.find_scheduled_change(license_id),
            original=original,
            recorded=self._recorded(subscription, original),
            accounts=tuple(tx.merchants.list_accounts(profile_id)) if profile_id else (),
            preferences=tuple(tx.merchants.list_preferences(profile_id)) if profile_id else (),
            seats_taken=tx.machines.count_live_machines(license_id),
        )

    def _recorded(
        self, subscription: Subscription | None, original: Invoice | None
    ) -> ProviderAccount | None:
        """The account of the subscription, else of the sale (lifecycles 9.2)."""
        account_id = subscription.account_id if subscription else None
        if account_id is None and original is not None:
            account_id = original.provider_account_id
        if account_id is None:
            return None
        account = self._rest.merchants.find_account(account_id)
        if account is None:
            raise NotFound("payment provider", account_id)
        return account


def _is_applied(invoice: Invoice) -> bool:
    return invoice.status is InvoiceStatus.SETTLED and invoice.effect_at is not None
