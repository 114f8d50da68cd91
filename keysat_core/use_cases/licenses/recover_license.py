"""Give a buyer the key again, for the invoice id and e-mail address of the purchase."""

import hmac
from hashlib import sha256

import msgspec

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import audited
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import License, LicenseStatus, key_of
from keysat_core.domain.text import checked_text
from keysat_core.errors import RecoveryRefused
from keysat_core.limits import EMAIL_CHARS_MAX, SLUG_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store


class RecoverLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The proof: both are trimmed, and the address ignores case."""

    invoice_id: str
    email: str


class RecoveredLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The license and its key."""

    license: License
    key: str


def recover_license(
    actor: Actor, command: RecoverLicense, *, store: Store, clock: Clock, keys: KeyRing
) -> RecoveredLicense:
    """Derive the key of a license that was paid for; nothing changes but the audit log.

    The invoice may be that of the purchase, a renewal or a change of tier. Whatever is wrong with
    the proof, the refusal is one and the same. Source: public-api 11.

    Raises:
        InvariantError: a field is blank or too long.
        RecoveryRefused: the proof fails in any part.
        SigningKeyUnusable: there is no key to sign with.
    """
    invoice_id, email = _checked(command)
    now = clock.now()
    signing_key = keys.signing_key()
    with store.reading() as tx:
        invoice = tx.invoices.find_invoice(invoice_id)
        license = tx.sales.find_license_of(invoice_id)
    if not _is_proof(invoice, email) or license is None:
        raise RecoveryRefused
    with store.writing() as tx:
        # It may have been revoked a moment ago.
        current = tx.licenses.find_license(license.id)
        if current is None or current.status is not LicenseStatus.ACTIVE:
            raise RecoveryRefused
        tx.trail.append_audit(
            audited(
                actor,
                "license.recovered",
                now,
                target=("license", current.id),
                invoice_id=invoice_id,
            )
        )
    return RecoveredLicense(license=current, key=key_of(current, signing_key))


def normal_email(email: str) -> str:
    """Spell an address as it is compared."""
    return email.strip().lower()


def _checked(command: RecoverLicense) -> tuple[InvoiceId, str]:
    """Trim both fields; an id that is too long is an unknown one (public-api 18)."""
    id_ = command.invoice_id.strip()[: SLUG_CHARS_MAX + 1]
    checked_text(id_, field="invoice_id", chars_max=SLUG_CHARS_MAX + 1, required=True)
    email = checked_text(
        normal_email(command.email), field="email", chars_max=EMAIL_CHARS_MAX, required=True
    )
    return InvoiceId(id_), email


def _is_proof(invoice: Invoice | None, email: str) -> bool:
    """Compare in a time that tells nothing, also when there is nothing to compare with."""
    known = invoice.buyer_email if invoice is not None else None
    is_same = hmac.compare_digest(_digest(normal_email(known or "")), _digest(email))
    is_settled = invoice is not None and invoice.status is InvoiceStatus.SETTLED
    return is_same and is_settled and known is not None


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()
