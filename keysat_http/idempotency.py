"""The Idempotency-Key of an admin request: the same request twice, one effect, one answer.

``find_earlier`` runs once a caller is known and before anything is read; ``keep_answers`` sees what
was answered, errors included, on its way out. In between the handler is given a ``KeyedStore``
(``keysat_http.request_ports``). What changed nothing is kept by nobody, so that a corrected request
may come with the same key. Source: public-api 6.1; decisions 0021.
"""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import structlog
from litestar import MediaType, Request, Response
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from keysat_core.domain.idempotency import KeptRequest, RequestKey
from keysat_core.domain.secret import Secret
from keysat_core.errors import (
    IdempotencyKeyReused,
    InvariantError,
    KeysatError,
    RequestInFlight,
)
from keysat_core.ports.clock import Clock
from keysat_core.ports.seal import AnswerSeal
from keysat_core.ports.store import Store
from keysat_core.use_cases.server.repeat_request import KeptAnswer, find_answer, keep_answer
from keysat_http.bodies import BEARER
from keysat_http.keyed_store import KeyedStore
from keysat_http.web_sessions import cookie_of

HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
_RAW_HEADER: Final = HEADER.lower().encode("ascii")
_STATE_KEY: Final = "keyed_request"
_DIGEST_PURPOSE: Final = b"keysat request digest 1 "

log = structlog.get_logger("keysat.http")


class KeyedRequest:
    """One request with a key while it is worked on."""

    def __init__(self, request: KeptRequest, secret: Secret, store: Store) -> None:
        self.request = request
        self.secret = secret
        self.store = KeyedStore(store, request)


class KeyedRequests:
    """The requests with a key that one server works on, and the answers of earlier ones."""

    def __init__(self, store: Store, clock: Clock, seal: AnswerSeal) -> None:
        self._store = store
        self._clock = clock
        self._seal = seal
        self._running: dict[RequestKey, str] = {}

    async def begin(self, request: Request[object, object, State], key: str) -> KeptAnswer | None:
        """Give the answer of the same request, or let this one be worked on.

        Raises:
            IdempotencyKeyReused, RequestInFlight, AnswerLost.
            InvariantError: the key is none.
        """
        secret = _credential_of(request)
        named = RequestKey(
            actor_hash=sha256(secret.reveal().encode()).hexdigest(),
            operation=request.route_handler.handler_name,
            key=key,
        )
        digest = _digest(
            secret,
            request.method.encode(),
            request.scope["path"].encode(),
            request.scope["query_string"],
            await request.body(),
        )
        if (running := self._running.get(named)) is not None:
            raise RequestInFlight if running == digest else IdempotencyKeyReused
        kept = KeptRequest(key=named, request_digest=digest, created_at=self._clock.now())
        self._running[named] = digest
        try:
            earlier = await sync_to_thread(self._find, kept, secret)
        except BaseException:
            del self._running[named]
            raise
        if earlier is not None:
            del self._running[named]
            return earlier
        request.scope["state"][_STATE_KEY] = KeyedRequest(kept, secret, self._store)
        return None

    async def end(self, keyed: KeyedRequest, answer: KeptAnswer | None) -> None:
        """Keep an answer if its request changed anything, and let the key go."""
        try:
            if answer is not None and keyed.store.is_kept:
                await sync_to_thread(self._keep, keyed, answer)
        except KeysatError as exc:
            # The caller hears the answer all the same; only a repeated request will not.
            log.warning("answer_not_kept", code=exc.code, problem=str(exc))
        finally:
            del self._running[keyed.request.key]

    def _find(self, kept: KeptRequest, secret: Secret) -> KeptAnswer | None:
        return find_answer(
            kept.key,
            kept.request_digest,
            secret=secret,
            store=self._store,
            clock=self._clock,
            seal=self._seal,
        )

    def _keep(self, keyed: KeyedRequest, answer: KeptAnswer) -> None:
        keep_answer(keyed.request, answer, secret=keyed.secret, store=self._store, seal=self._seal)


async def find_earlier(request: Request[object, object, State]) -> Response[bytes] | None:
    """Answer a repeated request; give None when it is to be carried out.

    Raises:
        IdempotencyKeyReused, RequestInFlight, AnswerLost.
        InvariantError: the header is no key.
    """
    key = _key_of(request.scope["headers"])
    if key is None:
        return None
    requests: KeyedRequests = request.app.state.keyed_requests
    earlier = await requests.begin(request, key)
    if earlier is None:
        return None
    return Response(
        earlier.body,
        status_code=earlier.status,
        headers={REPLAYED_HEADER: "true"},
        media_type=MediaType.JSON,
    )


def keep_answers(app: ASGIApp) -> ASGIApp:
    """Wrap the routes whose answers are kept."""

    async def keeping(scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(scope, send)
        try:
            await app(scope, receive, answer)
        finally:
            # Without a whole answer: the connection or the server broke on the way.
            await answer.end(None)

    return keeping


def keyed_request_of(request: Request[object, object, State]) -> KeyedRequest | None:
    """Give what is known of a request with a key; None of any other."""
    keyed = request.scope["state"].get(_STATE_KEY)
    return keyed if isinstance(keyed, KeyedRequest) else None


class _Answer:
    """Holds an answer back until it is kept; what came without a key passes."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._held: list[Message] = []

    async def __call__(self, message: Message) -> None:
        if _STATE_KEY not in self._scope["state"]:
            await self._send(message)
            return
        self._held.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            status, body = 0, b""
            for part in self._held:
                if part["type"] == "http.response.start":
                    status = part["status"]
                elif part["type"] == "http.response.body":
                    body += part["body"]
            await self.end(KeptAnswer(status=status, body=body))
            for part in self._held:
                await self._send(part)

    async def end(self, answer: KeptAnswer | None) -> None:
        """Let the request be over, once."""
        keyed = self._scope["state"].pop(_STATE_KEY, None)
        if keyed is not None:
            await self._scope["litestar_app"].state.keyed_requests.end(keyed, answer)


def _key_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    found = [value for name, value in headers if name == _RAW_HEADER]
    if len(found) > 1:
        raise InvariantError(HEADER, "must be sent once")
    return found[0].decode("latin-1") if found else None


def _credential_of(request: Request[object, object, State]) -> Secret:
    """Give what the caller proved itself by; nobody else must be able to read the answer."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return Secret(authorization.removeprefix(BEARER))
    return Secret((cookie_of(request.scope) or b"").decode("latin-1"))


def _digest(secret: Secret, *parts: bytes) -> str:
    """Tell requests apart: each part with its length, so that none runs into the next.

    It is kept, and a body may be a password, so that only who has the credential can try guesses.
    """
    digest = hmac.new(_DIGEST_PURPOSE + secret.reveal().encode(), digestmod=sha256)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()
