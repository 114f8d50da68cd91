"""Tips in a simulation: who is asked for invoices, and what must hold of what is paid."""

from collections import Counter
from typing import Final

import apsw

from keysat_core.domain.lightning import LightningAddress, LightningInvoice, PayOffer
from keysat_core.domain.payment import LightningStatus
from keysat_core.errors import RecipientFailed
from tests.support.scripted_lightning import ScriptedLightning
from tests.support.scripted_provider import ScriptedProvider
from tests.support.simulation.stage import Stage
from tests.support.simulation.violation import Violation

STEPS: Final = {
    ("pending", "paying"),
    ("pending", "skipped"),
    ("pending", "failed"),
    ("paying", "sent"),
    ("paying", "failed"),
    ("failed", "sent"),
}
"""How a tip may move; nothing leads back to where it may be begun."""

OUTCOMES: Final = (*[LightningStatus.SENT] * 3, LightningStatus.PENDING, LightningStatus.FAILED)

SQL_RULES: Final = {
    "a license that owes a tip and has none, or two": (
        "SELECT l.id FROM licenses l JOIN invoices i ON i.id = l.invoice_id"
        " JOIN policies p ON p.id = l.policy_id"
        " WHERE p.tip_recipient IS NOT NULL AND i.amount_sats > 0"
        " AND (SELECT count(*) FROM tip_attempts WHERE license_id = l.id) != 1"
    ),
    "a tip nobody owes": (
        "SELECT t.id FROM tip_attempts t JOIN invoices i ON i.id = t.invoice_id"
        " WHERE i.amount_sats = 0 OR i.status != 'settled'"
    ),
    "a tip nobody looked at": "SELECT id FROM tip_attempts WHERE status = 'pending'",
}
"""Each finds rows that must not exist once everything has come to rest."""


class SimulatedLightning:
    """Implements ``ports.lightning.LightningAddresses``: others go on around every question."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._inner = ScriptedLightning(stage.clock)

    def resolve(self, address: LightningAddress) -> PayOffer:
        self._call(f"ask {address}")
        return self._inner.resolve(address)

    def request_invoice(self, offer: PayOffer, amount_msat: int) -> LightningInvoice:
        self._call(f"ask for an invoice of {amount_msat} msat")
        return self._inner.request_invoice(offer, amount_msat)

    def _call(self, what: str) -> None:
        self._stage.pause(what)
        self._stage.may_die()
        if self._stage.strikes("provider_unavailable"):
            raise RecipientFailed("nobody answers")


class TipBook:
    """Checks every commit of a tip, and every payment that was told."""

    def __init__(self, db: apsw.Connection, provider: ScriptedProvider) -> None:
        self._db = db
        self._provider = provider
        self._statuses: dict[str, str] = {}
        self._payments: dict[str, str] = {}

    def check(self, id_: str) -> None:
        """Check what a commit made of a tip. Its license is only ever paid for once."""
        license_id, status, payment_hash = self._db.execute(
            "SELECT license_id, status, payment_hash FROM tip_attempts WHERE id = ?", (id_,)
        ).get
        before = self._statuses.get(id_, status)
        self._statuses[id_] = status
        if before != status and (before, status) not in STEPS:
            raise Violation(f"tip {id_} went from {before} to {status}")
        if payment_hash is not None:
            first = self._payments.setdefault(license_id, payment_hash)
            if first != payment_hash:
                raise Violation(f"license {license_id} is tipped by two payments")
        if status == "sent" and self._truth(payment_hash) is not LightningStatus.SENT:
            raise Violation(f"tip {id_} is sent, and was never paid")
        self.check_told()

    def check_told(self) -> None:
        """Demand that the account was told of each payment once, and only of recorded ones."""
        told = Counter(self._provider.told_to_pay)
        twice = [payment_hash for payment_hash, times in told.items() if times > 1]
        unknown = told.keys() - set(self._payments.values())
        if twice or unknown:
            raise Violation(f"paid twice: {twice}; paid without a record: {sorted(unknown)}")

    def check_rest(self) -> None:
        """Demand that every tip is told as it is, once nobody withholds the truth."""
        self.check_told()
        for rule, sql in SQL_RULES.items():
            found = self._db.execute(sql).fetchall()
            if found:
                raise Violation(f"{rule}: {found[:3]}")
        for id_, status, payment_hash in self._db.execute(
            "SELECT id, status, payment_hash FROM tip_attempts WHERE payment_hash IS NOT NULL"
        ):
            was_paid = self._truth(payment_hash) is LightningStatus.SENT
            if was_paid is not (status == "sent"):
                raise Violation(f"tip {id_} is {status}, and paid is {was_paid}")

    def _truth(self, payment_hash: str) -> LightningStatus | None:
        return self._provider.payments.get(payment_hash)
