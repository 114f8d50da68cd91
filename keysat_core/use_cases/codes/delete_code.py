"""Delete a discount code that nobody ever used."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.code import Code
from keysat_core.domain.events import CodeDeleted, outbox_event
from keysat_core.domain.ids import CodeId, EventId
from keysat_core.errors import StillReferenced
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


def delete_code(actor: Actor, code_id: CodeId, *, store: Store, clock: Clock, ids: Ids) -> Code:
    """Delete a code and give it as it was.

    Source: lifecycles 6.1: a use in any state keeps it, for what was sold with it.

    Raises:
        Forbidden: the actor lacks ``discount_codes:write``.
        NotFound: no such code.
        StillReferenced: it was used.
    """
    authorize(actor, Scope.DISCOUNT_CODES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        code = tx.codes.get_code(code_id)
        uses = tx.codes.count_redemptions(code_id)
        if uses:
            raise StillReferenced(
                "discount code", code.code, {"redemptions": uses}, remedy="disable it instead"
            )
        tx.codes.remove_code(code_id)
        tx.trail.append_audit(
            audited(
                actor,
                "discount_code.delete",
                now,
                target=("discount_code", code.id),
                code=code.code,
                kind=code.kind,
            )
        )
        event = CodeDeleted(code_id=code.id, code=code.code)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return code
