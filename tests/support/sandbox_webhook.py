"""A webhook of the pretend provider, written and signed as it would."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

import apsw
import msgspec

from keysat_adapters.sandbox.webhook import SIGNATURE_HEADER, sign
from keysat_core.domain.secret import Secret
from tests.support.nursery import Household


@dataclass(frozen=True, kw_only=True)
class SignedWebhook:
    path: str
    headers: dict[str, str]
    body: bytes


def sandbox_webhook(home: Household, provider_invoice_id: str) -> SignedWebhook:
    """Tell that an invoice of the pretend provider was paid."""
    with closing(sqlite3.connect(home.books_path)) as books:
        query = "SELECT value FROM meta WHERE name = 'webhook_secret'"
        secret = Secret(str(books.execute(query).fetchone()[0]))
    with closing(apsw.Connection(str(home.db_path))) as main:
        ((account,),) = main.execute("SELECT id FROM payment_providers").fetchall()
    body = msgspec.json.encode({"type": "InvoiceSettled", "invoiceId": provider_invoice_id})
    return SignedWebhook(
        path=f"/v1/sandbox/webhook/{account}",
        headers={SIGNATURE_HEADER: sign(secret, body), "content-type": "application/json"},
        body=body,
    )
