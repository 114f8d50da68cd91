"""A store at a BTCPay Server as a payment provider."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from keysat_adapters.btcpay import wire
from keysat_adapters.btcpay.client import GreenfieldClient
from keysat_adapters.btcpay.webhook import read_webhook
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.money import Currency
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
)
from keysat_core.domain.secret import Secret
from keysat_core.domain.web_address import checked_page
from keysat_core.errors import InvariantError, ProviderRefused, ProviderUnavailable

_SETTLED: Final = ("Settled", "Complete")


class BTCPayProvider:
    """One store, seen with one key.

    ``public_base`` is where buyers reach the server; without it links stay as BTCPay makes them.
    ``sends_buyer_email``: the store is told who buys.
    """

    def __init__(
        self,
        client: GreenfieldClient,
        *,
        store_id: str,
        webhook_secret: Secret | None,
        public_base: str | None,
        sends_buyer_email: bool = False,
    ) -> None:
        self._client = client
        self._store_id = store_id
        self._store = f"/api/v1/stores/{wire.segment(store_id)}"
        self._webhook_secret = webhook_secret
        self._public_base = public_base
        self._sends_buyer_email = sends_buyer_email

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        """Ask for a payment in sats.

        Raises:
            ProviderRefused: ``unsupported`` for another currency.
            ProviderUnavailable.
        """
        if order.price.currency is not Currency.SAT:
            raise ProviderRefused("create invoice", "unsupported", "BTCPay is asked for sats only")
        created = self._client.act(
            "create invoice",
            "POST",
            f"{self._store}/invoices",
            wire.invoice_request(order, sends_buyer_email=self._sends_buyer_email),
            wire.CreatedInvoice,
        )
        link = self._link(created.checkout_link)
        if not link:
            raise ProviderUnavailable("create invoice", "the answer has no link to pay at")
        return ProviderInvoice(provider_invoice_id=created.id, checkout_url=link)

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        """Report on an invoice; of a late payment also whether it is final, of a part how much.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        path = f"{self._store}/invoices/{wire.segment(provider_invoice_id)}"
        invoice = self._client.read("read invoice", path, wire.InvoiceData)
        if not wire.is_paid_late(invoice) and not wire.is_payment_untold(invoice):
            return wire.report_of(invoice)
        methods = self._client.read(
            "read payments", f"{path}/payment-methods", list[wire.PaymentMethodOfInvoice]
        )
        is_late_final = wire.is_paid_late(invoice) and wire.are_final(methods)
        return wire.report_of(invoice, is_late_final=is_late_final, paid=wire.paid_in(methods))

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        """Look for the invoice with our id as its order id: a settled one, else the newest.

        Of one that was paid no link is needed; of another a buyer must be sent somewhere.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        path = f"{self._store}/invoices?orderId={wire.segment(invoice_id)}"
        listed = self._client.read("find invoice", path, list[wire.FoundInvoice])
        found = [one for one in listed if wire.is_of(one, invoice_id)]
        if not found:
            return None
        best = max(found, key=lambda one: (one.status in _SETTLED, one.created_time))
        link = self._link(best.checkout_link)
        if not link and best.status not in _SETTLED:
            raise ProviderUnavailable("find invoice", "the answer has no link to pay at")
        return ProviderInvoice(provider_invoice_id=best.id, checkout_url=link)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        """Verify and read a webhook of this store.

        Raises:
            NotAuthentic: not signed with its secret, or unreadable.
        """
        return read_webhook(self._webhook_secret, self._store_id, headers, body)

    def probe(self) -> None:
        """Read the store.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        self._client.read("read store", self._store, wire.StoreData)

    def pay_bolt11(self, bolt11: str) -> LightningPayment:
        """Pay a lightning invoice from the store's node.

        Raises:
            ProviderRefused: it was not paid.
            ProviderUnavailable: whether it was paid is unknown.
        """
        paid = self._client.act(
            "pay lightning invoice",
            "POST",
            f"{self._store}/lightning/BTC/invoices/pay",
            {"BOLT11": bolt11},
            wire.LightningPaymentData,
        )
        return wire.lightning_payment(paid)

    def lightning_payment(self, payment_hash: str) -> LightningPayment:
        """Ask what became of a lightning payment.

        Raises:
            ProviderRefused: ``not_found`` when the node knows of none.
            ProviderUnavailable.
        """
        path = f"{self._store}/lightning/BTC/payments/{wire.segment(payment_hash)}"
        return wire.lightning_payment(
            self._client.read("read lightning payment", path, wire.LightningPaymentData)
        )

    def _link(self, said: str) -> str:
        """Give the link as buyers reach it; "" if it is no page of the web."""
        try:
            return checked_page(buyer_reachable(said, self._public_base), field="checkoutLink")
        except InvariantError:
            return ""


def buyer_reachable(link: str, public_base: str | None) -> str:
    """Put a checkout link on the address buyers reach, with that address's path before it.

    BTCPay builds links from the address it was called at, which may be an inner one. What cannot be
    read stays as it is. Source: payments 6.6.
    """
    if public_base is None:
        return link
    try:
        made, base = urlsplit(link), urlsplit(public_base)
        is_readable = all((made.scheme, made.netloc, base.scheme, base.hostname))
        _ = base.port
    except ValueError:
        return link
    if not is_readable:
        return link
    prefix = base.path.rstrip("/")
    has_prefix = made.path == prefix or made.path.startswith(f"{prefix}/")
    path = made.path if has_prefix else prefix + made.path
    return urlunsplit((base.scheme, base.netloc, path, made.query, made.fragment))
