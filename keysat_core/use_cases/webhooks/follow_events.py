"""Read the outbox as it grows."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.instant import Instant
from keysat_core.domain.webhook_delivery import OutboxRow
from keysat_core.limits import EVENTS_BATCH
from keysat_core.ports.store import Store


def place_in_events(actor: Actor, since: Instant | None, *, store: Store) -> int:
    """Give the sequence behind which events are new; None: behind which there is none yet.

    Raises:
        Forbidden: the actor lacks ``webhooks:read``.
    """
    authorize(actor, Scope.WEBHOOKS_READ)
    with store.reading() as tx:
        if since is None:
            return tx.outbox.last_sequence()
        return tx.outbox.sequence_before(since)


def read_events(actor: Actor, sequence: int, *, store: Store) -> list[OutboxRow]:
    """Give the published events behind a sequence, oldest first, a bounded number of them.

    Raises:
        Forbidden: the actor lacks ``webhooks:read``.
    """
    authorize(actor, Scope.WEBHOOKS_READ)
    with store.reading() as tx:
        return tx.outbox.list_after(sequence, EVENTS_BATCH)
