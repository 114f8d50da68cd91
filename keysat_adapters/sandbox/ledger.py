"""The pretend service's own books: an SQLite file of its own, or memory for tests.

Every method is one short transaction. Two processes and any number of threads may use one file.
"""

import base64
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from keysat_adapters.sandbox.invoice import CONFIRMATION_SECONDS, Change, SandboxInvoice
from keysat_adapters.sandbox.permit import Permit, demand
from keysat_adapters.sandbox.webhook import first_body
from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.errors import ProviderUnavailable
from keysat_core.ports.entropy import Entropy

ID_BYTES: Final = 11
"""Ids are 22 hex digits: as long as BTCPay's (payments 6.8)."""

SECRET_BYTES: Final = 32
"""The webhook secret, spelled in 52 base32 characters (payments 6.7)."""

BUSY_SECONDS: Final = 5.0
"""How long a transaction waits for another process."""

WAL_ATTEMPTS: Final = 50
"""How often the switch to write-ahead logging is tried."""

WAL_PAUSE_SECONDS: Final = 0.1
"""The pause between two tries; together as long as ``BUSY_SECONDS``."""

OVERDUE_BATCH: Final = 100
"""Invoices a pass looks at for time that has passed; the rest waits for the next pass."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS invoice (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  invoice_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  amount_sats INTEGER NOT NULL CHECK (amount_sats > 0),
  paid_sats INTEGER NOT NULL CHECK (paid_sats BETWEEN 0 AND amount_sats),
  rail TEXT,
  status TEXT NOT NULL,
  redirect_url TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  paid_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS invoice_by_external_id ON invoice (invoice_id);
CREATE INDEX IF NOT EXISTS invoice_open ON invoice (expires_at)
  WHERE status IN ('New', 'New/PaidPartial', 'Processing');
CREATE TABLE IF NOT EXISTS delivery (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL,
  body BLOB NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER,
  delivered_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (account_id, seq)
  WHERE next_attempt_at IS NOT NULL;
"""

_OVERDUE: Final = """
SELECT id FROM invoice
WHERE (status IN ('New', 'New/PaidPartial') AND expires_at <= :now)
   OR (status = 'Processing' AND paid_at + :confirmation_seconds <= :now)
ORDER BY seq LIMIT :batch
"""

_NEXT_DELIVERY: Final = """
SELECT seq, id, account_id, body, attempts FROM delivery AS head
WHERE next_attempt_at <= :now AND NOT EXISTS (
  SELECT 1 FROM delivery AS earlier
  WHERE earlier.account_id = head.account_id AND earlier.seq < head.seq
    AND earlier.next_attempt_at IS NOT NULL)
ORDER BY seq LIMIT 1
"""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook claimed for sending. ``attempts`` counts this one too."""

    seq: int
    id: str
    account_id: ProviderAccountId
    body: bytes
    attempts: int


class Ledger:
    """Pretend invoices, the webhook secret, and the webhooks that wait to be sent.

    ``path`` None keeps the books in memory, for as long as this object lives.

    Raises:
        ProviderNotLoaded: there is no permit.
        ProviderUnavailable: from every method, when the file cannot be used.
    """

    def __init__(self, permit: Permit, path: Path | None, *, entropy: Entropy) -> None:
        demand(permit)
        self._path = path
        self._entropy = entropy
        self._lock = threading.RLock()
        self._memory = None if path else sqlite3.connect(":memory:", check_same_thread=False)
        if self._memory is not None:
            self._memory.isolation_level = None
            self._memory.row_factory = sqlite3.Row
        self._prepare()

    def close(self) -> None:
        """Forget books kept in memory; a file is closed after every transaction anyway."""
        if self._memory is not None:
            with self._lock:
                self._memory.close()

    def new_id(self) -> str:
        """Give a fresh id for an invoice or a delivery."""
        return self._entropy.token(ID_BYTES).hex()

    def webhook_secret(self) -> Secret:
        """Give the secret that signs webhooks; the ledger chose it when it was made."""
        with self._transaction("read the webhook secret") as books:
            row = books.execute("SELECT value FROM meta WHERE name = 'webhook_secret'").fetchone()
            return Secret(str(row["value"]))

    def add_invoice(self, invoice: SandboxInvoice) -> None:
        """Write a new invoice. Several may carry the same external id."""
        with self._transaction("write an invoice", writes=True) as books:
            books.execute(
                "INSERT INTO invoice (id, invoice_id, account_id, amount_sats, paid_sats, rail,"
                " status, redirect_url, created_at, expires_at, paid_at)"
                " VALUES (:id, :invoice_id, :account_id, :amount_sats, :paid_sats, :rail,"
                " :status, :redirect_url, :created_at, :expires_at, :paid_at)",
                msgspec.to_builtins(invoice),
            )

    def find_invoice(self, id_: str) -> SandboxInvoice | None:
        """Give an invoice as it was last written; time may have passed since."""
        with self._transaction("read an invoice") as books:
            return _found(books.execute("SELECT * FROM invoice WHERE id = ?", (id_,)))

    def find_by_external_id(self, invoice_id: InvoiceId) -> SandboxInvoice | None:
        """Give the invoice that carries our id: a settled one, else the newest (payments 14.3)."""
        with self._transaction("look for an invoice") as books:
            return _found(
                books.execute(
                    "SELECT * FROM invoice WHERE invoice_id = ?"
                    " ORDER BY status IN ('Settled', 'Settled/Marked') DESC, seq DESC LIMIT 1",
                    (invoice_id,),
                )
            )

    def change_invoice(
        self, id_: str, change: Callable[[SandboxInvoice], Change], *, now: Instant
    ) -> SandboxInvoice | None:
        """Change an invoice and queue its webhooks in one transaction; None if there is none.

        What ``change`` raises undoes everything.
        """
        with self._transaction("change an invoice", writes=True) as books:
            before = _found(books.execute("SELECT * FROM invoice WHERE id = ?", (id_,)))
            if before is None:
                return None
            changed = change(before)
            books.execute(
                "UPDATE invoice SET status = :status, paid_sats = :paid_sats, paid_at = :paid_at"
                " WHERE id = :id",
                msgspec.to_builtins(changed.invoice),
            )
            for webhook in changed.webhooks:
                delivery_id = self.new_id()
                body = first_body(webhook, changed.invoice, delivery_id=delivery_id, now=now)
                books.execute(
                    "INSERT INTO delivery (id, account_id, body, next_attempt_at)"
                    " VALUES (?, ?, ?, ?)",
                    (delivery_id, changed.invoice.account_id, body, now),
                )
            return changed.invoice

    def list_overdue(self, now: Instant) -> list[str]:
        """Give the ids of invoices to which the passing of time has done something."""
        with self._transaction("look for overdue invoices") as books:
            rows = books.execute(
                _OVERDUE,
                {"now": now, "confirmation_seconds": CONFIRMATION_SECONDS, "batch": OVERDUE_BATCH},
            )
            return [str(row["id"]) for row in rows]

    def is_delivery_due(self, now: Instant) -> bool:
        """Tell whether a webhook could be claimed."""
        with self._transaction("look for a webhook") as books:
            return books.execute(_NEXT_DELIVERY, {"now": now}).fetchone() is not None

    def claim_delivery(self, now: Instant, *, until: Instant) -> Delivery | None:
        """Take the next due webhook and keep it from others until then; None if none is due.

        The webhooks of an account leave strictly in order: one that waits blocks those behind it.
        Source: payments 6.8.
        """
        with self._transaction("claim a webhook", writes=True) as books:
            row = books.execute(_NEXT_DELIVERY, {"now": now}).fetchone()
            if row is None:
                return None
            books.execute(
                "UPDATE delivery SET attempts = attempts + 1, next_attempt_at = ? WHERE seq = ?",
                (until, row["seq"]),
            )
            return Delivery(
                seq=row["seq"],
                id=row["id"],
                account_id=row["account_id"],
                body=row["body"],
                attempts=row["attempts"] + 1,
            )

    def record_attempt(
        self, delivery: Delivery, *, delivered_at: Instant | None, next_attempt_at: Instant | None
    ) -> None:
        """Write how a claimed webhook fared; without a next attempt it is done with."""
        with self._transaction("record a webhook", writes=True) as books:
            books.execute(
                "UPDATE delivery SET delivered_at = ?, next_attempt_at = ? WHERE seq = ?",
                (delivered_at, next_attempt_at, delivery.seq),
            )

    def _prepare(self) -> None:
        secret = base64.b32encode(self._entropy.token(SECRET_BYTES)).decode().rstrip("=")
        self._create_file()
        with self._connection("open the ledger") as books:
            _write_ahead(books)
        with self._transaction("prepare the ledger", writes=True) as books:
            for statement in _SCHEMA.split(";"):
                books.execute(statement)
            books.execute("INSERT OR IGNORE INTO meta VALUES ('webhook_secret', ?)", (secret,))

    def _create_file(self) -> None:
        """Make the file readable by its owner alone: it holds the secret that signs webhooks."""
        if self._path is None:
            return
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as exc:
            raise ProviderUnavailable("open the ledger", exc.strerror or "") from exc

    @contextmanager
    def _connection(self, operation: str) -> Iterator[sqlite3.Connection]:
        try:
            if self._memory is not None:
                with self._lock:
                    yield self._memory
            else:
                opened = sqlite3.connect(
                    str(self._path), timeout=BUSY_SECONDS, isolation_level=None
                )
                with closing(opened) as books:
                    books.row_factory = sqlite3.Row
                    yield books
        except sqlite3.Error as exc:
            raise ProviderUnavailable(operation, str(exc)) from exc

    @contextmanager
    def _transaction(self, operation: str, *, writes: bool = False) -> Iterator[sqlite3.Connection]:
        with self._connection(operation) as books:
            books.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            # The connection's own context manager commits, or rolls back on any exception.
            with books:
                yield books


def _write_ahead(books: sqlite3.Connection) -> None:
    # SQLite does not wait for others here, so two first starts at once would fail without this.
    for attempt in range(WAL_ATTEMPTS):
        try:
            books.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if attempt == WAL_ATTEMPTS - 1:
                raise
            time.sleep(WAL_PAUSE_SECONDS)
        else:
            return


def _found(rows: sqlite3.Cursor) -> SandboxInvoice | None:
    row = rows.fetchone()
    return None if row is None else msgspec.convert(dict(row), SandboxInvoice)
