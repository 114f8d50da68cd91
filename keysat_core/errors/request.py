"""Failures of a request: whoever asks may not, names what is not there, or comes at a wrong time."""

from keysat_core.errors.root import KeysatError


class Unauthorized(KeysatError):
    """No credential was presented, or it proves nothing."""

    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("unauthorized")


class Forbidden(KeysatError):
    """The credential is known or presented but does not allow this."""

    code = "forbidden"

    def __init__(self) -> None:
        super().__init__("forbidden")


class NotFound(KeysatError):
    """``noun`` with ``key`` does not exist, or is not in a state this request can act on."""

    code = "not_found"

    def __init__(self, noun: str, key: str) -> None:
        self.noun = noun
        self.key = key
        super().__init__(f"no {noun} {key[:128]!r}")


class SlugTaken(KeysatError):
    """Another row of the same kind already has this slug."""

    code = "slug_taken"

    def __init__(self, noun: str, slug: str) -> None:
        self.noun = noun
        self.slug = slug
        super().__init__(f"a {noun} with slug {slug!r} already exists; choose another slug")


class StillReferenced(KeysatError):
    """A safe delete was refused. ``blockers`` maps a plural noun to how many rows stand in the way."""

    code = "still_referenced"

    def __init__(
        self,
        noun: str,
        slug: str,
        blockers: dict[str, int],
        *,
        remedy: str = "archive or deactivate it, or repeat with force=true to delete those too",
    ) -> None:
        self.noun = noun
        self.slug = slug
        self.blockers = blockers
        listed = ", ".join(f"{count} {name}" for name, count in blockers.items())
        super().__init__(f"{noun} {slug!r} still has {listed}; {remedy}")


class IdempotencyKeyReused(KeysatError):
    """The same Idempotency-Key came with a different request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "this Idempotency-Key was already used with a different request; use a new key"
        )


class RequestInFlight(KeysatError):
    """The first request with this Idempotency-Key has not finished."""

    code = "request_in_flight"

    def __init__(self) -> None:
        super().__init__(
            "a request with this Idempotency-Key is still being worked on; retry in a few seconds"
        )


class AnswerLost(KeysatError):
    """The request of this Idempotency-Key took effect, and there is no answer of it to repeat."""

    code = "answer_lost"

    def __init__(self) -> None:
        super().__init__(
            "the request with this Idempotency-Key took effect, but its answer was lost; look at "
            "what it was to change before anything is sent again, and then under a new key"
        )


class IllegalTransition(KeysatError):
    """A state machine has no such transition."""

    code = "illegal_transition"

    def __init__(self, machine: str, state: str, event: str) -> None:
        self.machine = machine
        self.state = state
        self.event = event
        super().__init__(f"a {state} {machine} cannot take {event}")


class TierCapReached(KeysatError):
    """The operator's own Keysat license does not cover this. ``upgrade_url`` says where to get it."""

    code = "tier_cap"

    def __init__(self, message: str, upgrade_url: str) -> None:
        self.upgrade_url = upgrade_url
        super().__init__(message)


class RateLimited(KeysatError):
    """Too many requests. ``retry_after_seconds`` is when the next one will be let through."""

    code = "rate_limited"

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"slow down and retry in {retry_after_seconds} s")
