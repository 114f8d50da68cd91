"""Rounds over the webhook receipts whose invoice is to be looked at again: after 5 s, 30 s, 2 min.

Each account by itself, and a round waits only a moment for one that hangs. An account that is left
alone for a while keeps its receipts, as due as they were, until then. Source: payments 1.2 and 10.
"""

from collections import Counter
from threading import Lock
from time import monotonic
from typing import Final

import structlog

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.receipt import DueReceipt
from keysat_core.errors import CorruptRow
from keysat_core.limits import RECEIPTS_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import find_noted_receipt, list_noted_receipts
from keysat_http.rounds import (
    PROVIDERS_AT_ONCE,
    FanOut,
    Job,
    Tally,
    failures_max,
    in_threads,
    in_threads_for,
    share,
    shown,
)
from keysat_http.settling import Pass, pass_of, settle_receipt

ROUND_SECONDS: Final = 4.0
"""How long a round waits for its accounts, so that the next one is not late for the others."""

BROKEN_MAX: Final = 1_000
"""Damaged receipts one process remembers and passes over; more are met again in every round."""

BROKEN_SECONDS: Final = 3_600
"""How long one is passed over."""

log = structlog.get_logger("keysat.ticks")


def settle_noted_receipts(ports: Ports, *, fan_out: FanOut = in_threads) -> Pass:
    """Look at the invoices of webhooks that were not cleared up yet and are due; wait for all."""
    return ReceiptRounds(ports, fan_out=fan_out, among_accounts=fan_out).run()


class ReceiptRounds:
    """One process's rounds. An account that an earlier one still waits for is passed over."""

    def __init__(
        self,
        ports: Ports,
        *,
        fan_out: FanOut = in_threads,
        among_accounts: FanOut | None = None,
    ) -> None:
        self._ports = ports
        self._fan_out = fan_out
        self._among_accounts = among_accounts or in_threads_for(ROUND_SECONDS)
        self._lock = Lock()
        self._busy: set[ProviderAccountId] = set()
        self._broken: dict[str, float] = {}

    def has_work(self) -> bool:
        """Look whether anything is due of an account that may be asked now."""
        return bool(self._due(1))

    def run(self) -> Pass:
        """Look at a bounded number of invoices; what is left over stays due."""
        batches: dict[ProviderAccountId, list[DueReceipt]] = {}
        for due in self._due(RECEIPTS_BATCH):
            batches.setdefault(due.provider_account_id, []).append(due)
        health = self._health()
        tally: Tally = Counter()
        for done in self._among_accounts(
            [
                self._share_of(account_id, batch, health.get(account_id))
                for account_id, batch in list(batches.items())[: self._room()]
            ],
            PROVIDERS_AT_ONCE,
        ):
            tally.update(done)
        return pass_of("receipts_settled", +tally)

    def _due(self, limit: int) -> list[DueReceipt]:
        with self._lock:
            long_ago = monotonic() - BROKEN_SECONDS
            # A webhook that comes again makes its row good.
            self._broken = {one: at for one, at in self._broken.items() if at > long_ago}
            busy, broken = frozenset(self._busy), frozenset(self._broken)
        listed = list_noted_receipts(
            limit=limit + len(broken), busy=busy, store=self._ports.store, clock=self._ports.clock
        )
        return [due for due in listed if due.id not in broken][:limit]

    def _room(self) -> int:
        with self._lock:
            return max(0, PROVIDERS_AT_ONCE - len(self._busy))

    def _share_of(
        self,
        account_id: ProviderAccountId,
        batch: list[DueReceipt],
        health: ProviderHealth | None,
    ) -> Job:
        def run() -> Tally:
            with self._lock:
                self._busy.add(account_id)
            try:
                return share(
                    [self._job(due) for due in batch],
                    failures_max=failures_max(health),
                    fan_out=self._fan_out,
                )
            finally:
                with self._lock:
                    self._busy.discard(account_id)

        return Job(run=run, ids={"account": shown(account_id)})

    def _job(self, due: DueReceipt) -> Job:
        ids = {"account": shown(due.provider_account_id), "receipt": shown(due.id)}

        def run() -> Tally:
            try:
                receipt = find_noted_receipt(due.id, store=self._ports.store)
            except CorruptRow as exc:
                self._pass_over(due, exc)
                return Counter({"refused": 1})
            if receipt is None:
                return Counter({"skipped": 1})
            ids["invoice"] = shown(receipt.invoice_id)
            return Counter([settle_receipt(self._ports, SYSTEM, receipt)])

        return Job(run=run, ids=ids)

    def _pass_over(self, due: DueReceipt, problem: CorruptRow) -> None:
        """Name a damaged receipt once and leave it; the reconciler asks about its invoice too."""
        log.warning(
            "receipt_not_read", receipt=shown(due.id), code=problem.code, problem=str(problem)
        )
        with self._lock:
            if len(self._broken) < BROKEN_MAX:
                self._broken[due.id] = monotonic()

    def _health(self) -> dict[ProviderAccountId, ProviderHealth]:
        with self._ports.store.reading() as tx:
            return {one.account_id: one for one in tx.connections.list_health()}
