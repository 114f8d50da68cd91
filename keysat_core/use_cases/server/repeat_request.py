"""Answer an operator's request a second time as the first time (public-api 6.1).

The request itself is kept by the transaction of its effect; who calls is known before these.
"""

import msgspec

from keysat_core.domain.idempotency import KeptRequest, RequestKey, answered_request
from keysat_core.domain.secret import Secret
from keysat_core.ports.clock import Clock
from keysat_core.ports.seal import AnswerSeal
from keysat_core.ports.store import Store


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request was answered."""

    status: int
    body: bytes


def find_answer(
    key: RequestKey,
    request_digest: str,
    *,
    secret: Secret,
    store: Store,
    clock: Clock,
    seal: AnswerSeal,
) -> KeptAnswer | None:
    """Give what the same request was answered before; None when it is to be carried out.

    Raises:
        IdempotencyKeyReused, RequestInFlight, AnswerLost.
    """
    now = clock.now()
    with store.reading() as tx:
        kept = answered_request(tx.answers.find_request(key), request_digest, now)
    if kept is None or kept.status is None or kept.sealed_body is None:
        return None
    body = seal.unseal(kept.sealed_body, secret=secret, context=_context(kept))
    return KeptAnswer(status=kept.status, body=body)


def keep_answer(
    request: KeptRequest, answer: KeptAnswer, *, secret: Secret, store: Store, seal: AnswerSeal
) -> None:
    """Keep what a request was answered, such that only who holds the secret can read it."""
    sealed = seal.seal(answer.body, secret=secret, context=_context(request))
    with store.writing() as tx:
        tx.answers.put_answer(request.key, answer.status, sealed)


def _context(request: KeptRequest) -> str:
    """Bind a seal to its row; none of the parts can hold a line break."""
    key = request.key
    return f"{key.actor_hash}\n{key.operation}\n{key.key}\n{request.request_digest}"
