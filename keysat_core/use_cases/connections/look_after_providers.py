"""Look after connected accounts: do they answer, and must somebody know."""

import msgspec

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.audit import audited
from keysat_core.domain.events import (
    DomainEvent,
    ProviderFailing,
    ProviderRecovered,
    outbox_event,
)
from keysat_core.domain.ids import EventId
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.provider_health import (
    ProviderHealth,
    after_answer,
    after_failure,
    is_worth_noting,
)
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.payments import PaymentProviders
from keysat_core.ports.store import Store


def list_connected(*, store: Store) -> list[ProviderAccount]:
    """Give every connected account, earliest first."""
    with store.reading() as tx:
        return tx.merchants.list_all_accounts(is_disconnected_included=False)


def probe_provider(
    account: ProviderAccount,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    providers: PaymentProviders,
) -> ProviderHealth | None:
    """Ask an account something harmless, and tell operators when its state became another.

    None: there is no adapter for it. Source: payments 15.
    """
    failure: UpstreamError | None = None
    try:
        providers.provider_for(account).probe()
    except ProviderNotLoaded:
        return None
    except UpstreamError as exc:
        failure = exc
    now = clock.now()
    with store.writing() as tx:
        current = tx.merchants.find_account(account.id)
        if current is None or not current.is_connected:
            return None
        before = tx.connections.find_health(account.id)
        known = before or ProviderHealth(account_id=account.id)
        after = after_failure(known, failure, now) if failure else after_answer(known, now)
        problem = after.problem(now)
        if problem is not after.alerted:
            event: DomainEvent = (
                ProviderRecovered(provider_id=account.id, kind=account.kind)
                if problem is None
                else ProviderFailing(provider_id=account.id, kind=account.kind, problem=problem)
            )
            tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
            tx.trail.append_audit(
                audited(
                    SYSTEM,
                    event.event_type,
                    now,
                    target=("payment_provider", account.id),
                    kind=account.kind,
                    problem=problem,
                    detail=after.detail,
                )
            )
            after = msgspec.structs.replace(after, alerted=problem)
        if is_worth_noting(before, after):
            tx.connections.put_health(after)
    return after
