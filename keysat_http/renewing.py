"""The round over subscriptions that are due: what one needs is decided, asked for, and told.

Deciding, asking and telling are use cases joined by stored rows, so a crash between any two is found
and finished by the next round. One that fails does not keep the others waiting. Source: lifecycles 8.3.
"""

from collections import Counter

import structlog

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.billing import Step
from keysat_core.domain.ids import InvoiceId, SubscriptionId
from keysat_core.errors import (
    InvariantError,
    KeysatError,
    NotFound,
    ProviderNotLoaded,
    RequestInFlight,
    UpstreamError,
)
from keysat_core.limits import RENEWAL_BATCHES_MAX, RENEWALS_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.ports.saved_payments import SavedPaymentAccounts
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.subscriptions.renewals.renew_subscription import (
    LookedAt,
    list_due_subscriptions,
    renew_subscription,
)
from keysat_core.use_cases.subscriptions.renewals.tell_renewal import (
    note_renewal_failure,
    tell_renewal,
)
from keysat_core.use_cases.zaprite.charge_invoice import ChargeInvoice, charge_invoice
from keysat_http.leasing import Work
from keysat_http.settling import settle

log = structlog.get_logger("keysat.ticks")

_TROUBLED = "troubled"
_FAILED = "failed"


def has_due_subscriptions(ports: Ports) -> bool:
    """Look whether anything is due."""
    return bool(list_due_subscriptions(limit=1, store=ports.store, clock=ports.clock))


def renew_subscriptions(ports: Ports, *, public_url: str) -> Work:
    """Look at every subscription that is due, batch after batch while there are more.

    None is looked at twice; one that cannot be dealt with is passed over and logged.
    """
    seen: set[SubscriptionId] = set()
    tally: Counter[str] = Counter()
    for _ in range(RENEWAL_BATCHES_MAX):
        listed = list_due_subscriptions(
            limit=RENEWALS_BATCH + len(seen), store=ports.store, clock=ports.clock
        )
        batch = [one for one in listed if one not in seen][:RENEWALS_BATCH]
        seen.update(batch)
        tally.update(_looked_at(ports, one, public_url) for one in batch)
        if len(batch) < RENEWALS_BATCH:
            break
    if tally:
        log.info("subscriptions_looked_at", batches=-(-len(seen) // RENEWALS_BATCH), **tally)
    failed = tally[_TROUBLED] + tally[_FAILED]
    return Work(items=tally.total() - failed, failed=failed)


def _looked_at(ports: Ports, subscription_id: SubscriptionId, public_url: str) -> str:
    try:
        return _renewed(ports, subscription_id, public_url)
    except NotFound:
        # Deleted since it was listed.
        return "gone"
    except KeysatError as exc:
        log.warning(
            "subscription_not_renewed",
            subscription=subscription_id,
            code=exc.code,
            problem=str(exc),
        )
    except Exception as exc:  # noqa: BLE001  a bug in one must not starve the others
        # Its text may quote what it met, a key or a buyer's.
        log.error(  # noqa: TRY400  see above
            "subscription_step_broke", subscription=subscription_id, problem=type(exc).__name__
        )
    return _TROUBLED


def _renewed(ports: Ports, subscription_id: SubscriptionId, public_url: str) -> str:
    done = renew_subscription(
        subscription_id,
        public_url=public_url,
        is_charging=ports.saved_payments is not None,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        rates=ports.rates,
        providers=ports.providers,
    )
    if done.problem is not None:
        log.warning("renewal_not_asked_for", subscription=subscription_id, problem=done.problem)
        return _FAILED
    if done.invoice_id is None:
        return str(done.step)
    return _asked_for(ports, subscription_id, done, done.invoice_id)


def _asked_for(
    ports: Ports, subscription_id: SubscriptionId, done: LookedAt, invoice_id: InvoiceId
) -> str:
    """Have the provider collect the invoice, charge what is saved for it, and tell."""
    try:
        request_payment(
            SYSTEM,
            invoice_id,
            is_first_try=done.is_new,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
    except RequestInFlight:
        return str(Step.WAIT)
    except (UpstreamError, ProviderNotLoaded) as exc:
        note_renewal_failure(
            subscription_id,
            invoice_id,
            str(exc),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
        )
        log.warning(
            "renewal_not_asked_for", subscription=subscription_id, code=exc.code, problem=str(exc)
        )
        return _FAILED
    problem = _charge(ports, done, invoice_id)
    told = tell_renewal(
        invoice_id,
        charge_problem=problem,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )
    if done.saved_with is not None:
        # What was charged is proven only by the invoice (payments 7.6).
        settle(ports, SYSTEM, invoice_id)
    return "charged" if told.is_charged else str(done.step)


def _charge(ports: Ports, done: LookedAt, invoice_id: InvoiceId) -> str | None:
    """Charge the saved method; give why it was not charged, None if it was or there is none."""
    saved_payments: SavedPaymentAccounts | None = ports.saved_payments
    if done.saved_with is None or saved_payments is None:
        return None
    try:
        charge_invoice(
            SYSTEM,
            ChargeInvoice(invoice_id=invoice_id, saved_invoice_id=done.saved_with),
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            saved_payments=saved_payments,
        )
    except (InvariantError, NotFound, UpstreamError, ProviderNotLoaded) as exc:
        return str(exc)
    return None
