"""Zaprite as a payment provider: what ``ports.payments`` and ``ports.saved_payments`` ask of one account.

Source: payments 7.
"""

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from keysat_adapters.outbound.answer import Unreadable
from keysat_adapters.zaprite import contact_wire, wire
from keysat_adapters.zaprite.client import ZapriteClient
from keysat_adapters.zaprite.webhook import read_webhook
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
    ProviderStatus,
)
from keysat_core.domain.saved_payment import ChargeReport, SavedProfile
from keysat_core.errors import ProviderRefused, ProviderUnavailable, UpstreamError
from keysat_core.ports.clock import Clock

CONTACT_SECONDS: Final = 4.0
"""A contact only makes renewals easier: it may not use up the buyer's patience."""

DUPLICATES_MAX: Final = 100
"""Orders with one id of ours that are looked through; there are two when an answer was lost."""

log = logging.getLogger("keysat.zaprite")


class ZapriteProvider:
    """One Zaprite account."""

    def __init__(self, client: ZapriteClient, *, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    # --- as a payment provider ------------------------------------------------------------------

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        """Create an order that can be paid for a day.

        For a recurring purchase with an e-mail its payer is made a contact, so that the card can be
        saved. Whatever hinders that, the order is created all the same, without.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        operation = "create invoice"
        contact_id = self._new_contact(order)
        try:
            created = self._create(operation, order, contact_id)
        except ProviderRefused as exc:
            if contact_id is None or exc.problem != "rejected":
                raise
            created = self._create(operation, order, None)
        return created

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        """Read how an order stands.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        order = self._order("read invoice", provider_invoice_id)
        if not wire.is_known_status(order.get("status")):
            log.warning(
                "Zaprite gave an order a status this version does not know; it stays pending: %s",
                wire.report_of(order).raw_status,
            )
        return wire.report_of(order)

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        """Look for an order of ours: a settled one, else the newest (payments 14.3).

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        operation = "find invoice"
        try:
            # Documented: an id of ours is taken in the place of Zaprite's.
            first = self._client.read(operation, f"/v1/orders/{quote(invoice_id, safe='')}")
        except ProviderRefused as exc:
            if exc.problem != "not_found":
                raise
            return None
        if wire.external_id_of(first) != invoice_id:
            return None
        found = [first]
        if wire.report_of(first).status is not ProviderStatus.SETTLED:
            found += self._duplicates(operation, invoice_id)
        settled = [one for one in found if wire.report_of(one).status is ProviderStatus.SETTLED]
        newest = max(settled or found, key=wire.created_at_of)
        return _created(operation, newest)

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:  # noqa: ARG002  nothing is signed
        """Read a webhook, which proves nothing.

        Raises:
            NotAuthentic: it is unreadable or names no order.
        """
        return read_webhook(body)

    def probe(self) -> None:
        """Read one order, whichever.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        self._client.read("probe", "/v1/orders?limit=1")

    def pay_bolt11(self, bolt11: str) -> LightningPayment:  # noqa: ARG002  Zaprite pays nobody
        """Pay nothing.

        Raises:
            ProviderRefused: always; ``unsupported``.
        """
        raise ProviderRefused("pay bolt11", "unsupported", "Zaprite cannot pay lightning invoices")

    def lightning_payment(self, payment_hash: str) -> LightningPayment:  # noqa: ARG002  as above
        """Know of no payment.

        Raises:
            ProviderRefused: always; ``not_found``.
        """
        raise ProviderRefused("read lightning payment", "not_found")

    # --- as a keeper of saved payments ----------------------------------------------------------

    def find_saved_payment(
        self, provider_invoice_id: str, invoice_id: InvoiceId
    ) -> SavedProfile | None:
        """Look for the profile that was saved when an order was paid.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        operation = "find saved payment"
        contact_id = contact_wire.contact_id_of(self._order(operation, provider_invoice_id))
        if contact_id is None:
            return None
        for source_id, profile in self._profiles(operation, contact_id):
            if source_id == invoice_id:
                return profile
        return None

    def read_saved_payment(self, profile: SavedProfile) -> SavedProfile | None:
        """Read a profile as it is now; None when its contact has it no more.

        Which contact an order has says nothing of who pays it: each recurring order gets its own.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        for _, current in self._profiles("read saved payment", profile.contact_id):
            if current.profile_id == profile.profile_id:
                return current
        return None

    def is_unpaid(self, provider_invoice_id: str) -> bool:
        """Read whether an order is open and untouched.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        return wire.is_unpaid(self._order("read invoice", provider_invoice_id))

    def charge(self, provider_invoice_id: str, profile_id: str) -> ChargeReport:
        """Charge a profile for an order. Never tried twice.

        Raises:
            ProviderRefused: it was not charged.
            ProviderUnavailable: whether it was is unknown.
        """
        body = contact_wire.charge_body(provider_invoice_id, profile_id)
        answer = self._client.act("charge saved payment", "/v1/orders/charge", body)
        return ChargeReport(
            is_paid=wire.is_paid_status(answer.get("status")),
            raw_status=wire.raw_status_of(answer),
        )

    # --- calls ----------------------------------------------------------------------------------

    def _new_contact(self, order: InvoiceOrder) -> str | None:
        if not order.saves_payment_method or order.buyer_email is None:
            return None
        body = contact_wire.contact_body(order.buyer_email)
        try:
            contact = self._client.act(
                "create contact", "/v1/contacts", body, seconds=CONTACT_SECONDS
            )
            return wire.id_of(contact, what="contact")
        except (UpstreamError, Unreadable) as exc:
            log.warning("a payment method cannot be saved with this order: %s", exc)
            return None

    def _create(
        self, operation: str, order: InvoiceOrder, contact_id: str | None
    ) -> ProviderInvoice:
        body = wire.order_body(order, self._clock.now(), contact_id=contact_id)
        return _created(operation, self._client.act(operation, "/v1/orders", body))

    def _order(self, operation: str, order_id: str) -> wire.Fields:
        order = self._client.read(operation, f"/v1/orders/{quote(order_id, safe='')}")
        if order.get("id") != order_id:
            # Zaprite takes ids of ours too, and does not keep them apart.
            raise ProviderUnavailable(operation, "the answer is about another order")
        return order

    def _duplicates(self, operation: str, invoice_id: InvoiceId) -> list[wire.Fields]:
        """Search for further orders that carry our id; that a search finds them is assumed (†)."""
        query = urlencode({"search": invoice_id, "includePending": "true", "limit": DUPLICATES_MAX})
        try:
            page = self._client.read(operation, f"/v1/orders?{query}")
        except ProviderRefused:
            return []
        return [one for one in wire.items_of(page) if wire.external_id_of(one) == invoice_id]

    def _profiles(self, operation: str, contact_id: str) -> list[tuple[str | None, SavedProfile]]:
        contact = self._client.read(operation, f"/v1/contacts/{quote(contact_id, safe='')}")
        if contact.get("id") != contact_id:
            raise ProviderUnavailable(operation, "the answer is about another contact")
        return contact_wire.profiles_of(contact, contact_id)


def _created(operation: str, order: wire.Fields) -> ProviderInvoice:
    try:
        return wire.created_order(order)
    except Unreadable as exc:
        raise ProviderUnavailable(operation, str(exc)) from exc
