"""What must hold after every commit, checked on the rows themselves with plain SQL.

The book remembers each row as it last saw it; so it knows what a commit changed, and which audit
rows and events must have come with it. It shares no code with what it checks.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from keysat_adapters.sqlite.connection import open_reader
from tests.support.simulation.payments import SimulatedService
from tests.support.simulation.seam import Write
from tests.support.simulation.stage import Stage
from tests.support.simulation.tips import TipBook
from tests.support.simulation.violation import Violation

STATUS_STEPS: Final = {
    ("pending", "settled"),
    ("pending", "expired"),
    ("pending", "invalid"),
    ("expired", "settled"),
    ("invalid", "settled"),
}
"""How an invoice's status may move (payments 17, invariant 4)."""

ENDINGS: Final = {
    "expired": {"invoice.expired"},
    "invalid": {"invoice.invalid", "invoice.create_refused", "invoice.never_created"},
}
SILENT_ENDINGS: Final = {"invoice.create_refused", "invoice.never_created"}
"""No buyer ever had a link to these, so there is nothing to tell."""

POLICY_ACTIONS: Final = {"policy.update", "policy.archive", "policy.unarchive"}

LICENSE_STEPS: Final = {
    ("active", "suspended"): ("license.suspend", "license.suspended"),
    ("suspended", "active"): ("license.unsuspend", "license.unsuspended"),
    ("active", "revoked"): ("license.revoke", "license.revoked"),
    ("suspended", "revoked"): ("license.revoke", "license.revoked"),
}


BILLING_ACTIONS: Final = ("subscription.renew", "subscription.lapse", "subscription.cancel")
"""What moves the end of a license."""


class InvoiceSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as last seen."""

    status: str
    amount_sats: int
    provider_invoice_id: str | None
    settled_at: int | None
    effect_at: int | None


class LicenseSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A license as last seen; ``terms`` are what nothing may ever change."""

    status: str
    invoice_id: str | None
    terms: tuple[object, ...]
    ends: tuple[int | None, int]


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Audit rows and events that came with a commit, by what they are about."""

    audits: Counter[tuple[str, str | None]]
    events: Counter[tuple[str, str | None]]


class Book:
    """Checks every commit against what was there before it."""

    def __init__(self, path: Path, stage: Stage, service: SimulatedService) -> None:
        self.db = open_reader(path)
        self.tips = TipBook(self.db, service.provider)
        self.invoices: dict[str, InvoiceSeen] = {}
        self.licenses: dict[str, LicenseSeen] = {}
        self.opened_at: dict[str, int] = {}
        self.abandoned: set[str] = set()
        self.statuses: dict[str, list[tuple[int, str]]] = {}
        self._ends: dict[str, list[tuple[int, tuple[int | None, int]]]] = {}
        self._machines: dict[str, bool] = {}
        self._stage = stage
        self._service = service
        self._audit_id = 0
        self._sequence = 0
        self._news()

    def close(self) -> None:
        self.db.close()

    def on_commit(self, writes: list[Write]) -> None:
        """Check what a commit left."""
        news = self._news()
        touched: dict[tuple[str, str], None] = {}
        for name, values in writes:
            touched[name, getattr(values[0], "id", "") if values else ""] = None
        for name, id_ in touched:
            match name:
                case "put_invoice":
                    self._check_invoice(id_, news)
                case "put_license":
                    self._check_license(id_, news)
                case "put_machine":
                    self._check_machine(id_, news)
                case "put_tip":
                    self.tips.check(id_)
                case "put_policy":
                    self._demand(news, id_, POLICY_ACTIONS, "policy.updated")
                case _:
                    pass

    def statuses_since(self, license_id: str, step: int) -> set[str]:
        """Give every status a license has had since before a step."""
        history = self.statuses.get(license_id, [])
        before = [status for at, status in history if at < step]
        return {*before[-1:], *(status for at, status in history if at >= step)}

    def rows(self, sql: str, values: tuple[int, ...] | Mapping[str, int] = ()) -> list[Any]:
        """Give what a query finds."""
        return self.db.execute(sql, values).fetchall()

    def cutoffs_since(self, license_id: str, step: int) -> list[int | None]:
        """Give every instant a license has expired from, grace and all, since before a step.

        None: never. A subscription moves it, perhaps while a validation is under way.
        """
        history = self._ends.get(license_id, [])
        before = [ends for at, ends in history if at < step]
        ends_seen = [*before[-1:], *(ends for at, ends in history if at >= step)]
        return [None if until is None else until + grace for until, grace in ends_seen]

    def live_machines(self) -> list[str]:
        """Give the machines that hold a seat, oldest first."""
        return [id_ for id_, is_live in self._machines.items() if is_live]

    # --- invoices -------------------------------------------------------------------------------

    def _check_invoice(self, id_: str, news: News) -> None:
        row = self.db.execute(
            "SELECT status, amount_sats, provider_invoice_id, settled_at, effect_at, created_at"
            " FROM invoices WHERE id = ?",
            (id_,),
        ).get
        seen = InvoiceSeen(
            status=row[0],
            amount_sats=row[1],
            provider_invoice_id=row[2],
            settled_at=row[3],
            effect_at=row[4],
        )
        before = self.invoices.get(id_)
        self.invoices[id_] = seen
        if before is None:
            self.opened_at[id_] = min(self._stage.now, row[5])
            if seen.status == "pending":
                self._demand(news, id_, ("invoice.open",), "invoice.opened")
            else:
                self._check_settled(id_, seen, news)
            return
        self._check_lasting(id_, before, seen)
        if before.status == seen.status:
            return
        if (before.status, seen.status) not in STATUS_STEPS:
            raise Violation(f"invoice {id_} went from {before.status} to {seen.status}")
        if seen.status == "settled":
            self._check_settled(id_, seen, news)
            return
        found = {action for action in ENDINGS[seen.status] if news.audits[action, id_]}
        if len(found) != 1:
            raise Violation(f"invoice {id_} became {seen.status} with audit rows {sorted(found)}")
        if found <= SILENT_ENDINGS:
            self.abandoned.add(id_)
        else:
            self._demand(news, id_, found, "invoice.expired")

    def _check_lasting(self, id_: str, before: InvoiceSeen, seen: InvoiceSeen) -> None:
        for field in ("amount_sats", "provider_invoice_id", "settled_at", "effect_at"):
            was, is_ = getattr(before, field), getattr(seen, field)
            if was is not None and was != is_:
                raise Violation(f"invoice {id_}: {field} changed from {was} to {is_}")

    def _check_settled(self, id_: str, seen: InvoiceSeen, news: News) -> None:
        self._demand(news, id_, ("invoice.settle",), "invoice.paid")
        if seen.amount_sats and id_ not in self._service.provider.confirmed:
            raise Violation(f"invoice {id_} is settled, and the service never said so")
        if seen.effect_at is None or seen.settled_at is None:
            raise Violation(f"invoice {id_} is settled without its effect")
        count = self.db.execute("SELECT count(*) FROM licenses WHERE invoice_id = ?", (id_,)).get
        renewed = self.db.execute(
            "SELECT count(*) FROM subscription_cycles WHERE invoice_id = ? AND cycle_number > 1"
            " AND settled_at IS NOT NULL",
            (id_,),
        ).get
        if count + renewed != 1:
            raise Violation(f"invoice {id_} was settled with {count} licenses")

    # --- licenses and machines ------------------------------------------------------------------

    def _check_license(self, id_: str, news: News) -> None:
        row = self.db.execute(
            "SELECT status, invoice_id, max_machines, product_id, issued_at, expires_at,"
            " grace_seconds, is_trial, entitlements FROM licenses WHERE id = ?",
            (id_,),
        ).get
        seen = LicenseSeen(status=row[0], invoice_id=row[1], terms=row[1:], ends=row[5:7])
        before = self.licenses.get(id_)
        self.licenses[id_] = seen
        if before is None:
            self._check_issued(id_, seen, news)
        elif before.terms != seen.terms:
            self._check_billed(id_, before, seen, news)
        if before is not None and before.status != seen.status:
            step = LICENSE_STEPS.get((before.status, seen.status))
            if step is None:
                raise Violation(f"license {id_} went from {before.status} to {seen.status}")
            self._demand(news, id_, step[:1], step[1])
        if before is None or before.ends != seen.ends:
            self._ends.setdefault(id_, []).append((self._stage.step_number, seen.ends))
        if before is None or before.status != seen.status:
            history = self.statuses.setdefault(id_, [])
            history.append((self._stage.step_number, seen.status))

    def _check_billed(self, id_: str, before: LicenseSeen, seen: LicenseSeen, news: News) -> None:
        """Only its subscription moves the end of a license, and says so."""
        subscription = self.db.execute(
            "SELECT id FROM subscriptions WHERE license_id = ?", (id_,)
        ).get
        is_said = any(news.audits[action, subscription] for action in BILLING_ACTIONS)
        is_lasting = (*before.terms[:4], before.terms[7]) == (*seen.terms[:4], seen.terms[7])
        if subscription is None or not is_said or not is_lasting:
            raise Violation(f"license {id_}: terms changed from {before.terms} to {seen.terms}")

    def _check_issued(self, id_: str, seen: LicenseSeen, news: News) -> None:
        action = "license.issue" if seen.invoice_id else "license.issue_manual"
        self._demand(news, id_, (action,), "license.issued")
        if seen.invoice_id is None:
            return
        others = [k for k, other in self.licenses.items() if other.invoice_id == seen.invoice_id]
        if others != [id_]:
            raise Violation(f"invoice {seen.invoice_id} has licenses {others}")
        status = self.db.execute("SELECT status FROM invoices WHERE id = ?", (seen.invoice_id,)).get
        if status != "settled":
            raise Violation(f"license {id_} was issued for a {status} invoice")

    def _check_machine(self, id_: str, news: News) -> None:
        license_id, is_live = self.db.execute(
            "SELECT license_id, deactivated_at IS NULL FROM machines WHERE id = ?", (id_,)
        ).get
        was_live = self._machines.get(id_)
        self._machines[id_] = bool(is_live)
        if was_live is None:
            self._demand(news, id_, ("machine.activate",), "machine.activated")
        elif was_live and not is_live:
            self._demand(news, id_, ("machine.deactivate",), "machine.deactivated")
        elif is_live and not was_live:
            raise Violation(f"machine {id_} came back to life")
        count, most = self.db.execute(
            "SELECT count(*), (SELECT max_machines FROM licenses WHERE id = :id) FROM machines"
            " WHERE license_id = :id AND deactivated_at IS NULL",
            {"id": license_id},
        ).get
        if most and count > most:
            raise Violation(f"license {license_id} of {most} seats has {count} live machines")

    # --- the trail ------------------------------------------------------------------------------

    def _news(self) -> News:
        audits: list[tuple[int, str, str | None]] = self.rows(
            "SELECT id, action, target_id FROM audit_log WHERE id > ? ORDER BY id",
            (self._audit_id,),
        )
        events: list[tuple[int, str, str]] = self.rows(
            "SELECT sequence, event_type, body FROM outbox WHERE sequence > ? ORDER BY sequence",
            (self._sequence,),
        )
        if audits:
            self._audit_id = audits[-1][0]
        if events:
            self._sequence = events[-1][0]
        return News(
            audits=Counter((action, target) for _, action, target in audits),
            events=Counter((kind, _subject(kind, body)) for _, kind, body in events),
        )

    def _demand(self, news: News, id_: str, actions: Collection[str], event_type: str) -> None:
        """One audit row and one event about this, no less and no more."""
        rows = sum(news.audits[action, id_] for action in actions)
        if rows != 1:
            raise Violation(f"{rows} audit rows {'/'.join(sorted(actions))} about {id_}")
        if news.events[event_type, id_] != 1:
            raise Violation(f"{news.events[event_type, id_]} events {event_type} about {id_}")


def _subject(event_type: str, body: str) -> str | None:
    noun = event_type.split(".", maxsplit=1)[0]
    subject = json.loads(body)["data"].get(f"{noun}_id")
    return subject if isinstance(subject, str) else None
