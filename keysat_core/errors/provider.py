"""Failures of and with others this server relies on: payment providers and sources of rates."""

from collections.abc import Mapping, Sequence
from typing import Final

from keysat_core.errors.root import KeysatError

_NO_PROBLEMS: Final[Mapping[str, str]] = {}


class UpstreamError(KeysatError):
    """Something outside this server failed; nothing was charged or reserved."""

    code = "upstream_error"


class ProviderRefused(UpstreamError):
    """The provider answered no. Retrying the same call is useless.

    ``problem``: auth, not_found, rejected, unsupported (payments 1.2). ``http_status`` is what it
    answered with, where it was asked at all.
    """

    code = "provider_refused"

    def __init__(
        self, operation: str, problem: str, detail: str = "", *, http_status: int | None = None
    ) -> None:
        self.operation = operation
        self.problem = problem
        self.http_status = http_status
        super().__init__(f"{operation}: {problem}" + (f": {detail[:300]}" if detail else ""))


class ProviderUnavailable(UpstreamError):
    """Whether the provider acted is unknown; the same call may be repeated by the same key.

    ``is_slow``: it did not answer in time, so that asking at once again would take as long.
    ``is_busy``: it asked us to ask less often, which says that it works.
    """

    code = "provider_unavailable"

    def __init__(
        self, operation: str, detail: str = "", *, is_slow: bool = False, is_busy: bool = False
    ) -> None:
        self.operation = operation
        self.is_slow = is_slow
        self.is_busy = is_busy
        super().__init__(f"{operation}: unavailable" + (f": {detail[:300]}" if detail else ""))


class StoreUndecided(KeysatError):
    """A key covers other stores than the one to sell through. ``stores``: their ids and names."""

    code = "store_undecided"

    def __init__(self, problem: str, stores: Sequence[tuple[str, str]]) -> None:
        self.stores = tuple(stores)
        listed = ", ".join(f"{name!r} ({store_id})" for store_id, name in self.stores)
        super().__init__(f"{problem}: {listed}")


class AlreadyConnected(KeysatError):
    """The profile has a provider of this kind already."""

    code = "already_connected"

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(
            f"this merchant profile has a {kind} provider already; disconnect it first"
        )


class NotConfigured(KeysatError):
    """No provider is connected, or the server was not told where one is. Says what to do."""

    code = "provider_not_configured"

    def __init__(self, remedy: str) -> None:
        super().__init__(remedy)


class ConnectStateInvalid(KeysatError):
    """The connect link is unknown, used up or too old."""

    code = "connect_state_invalid"

    def __init__(self) -> None:
        super().__init__(
            "this connect link is unknown, was used already or is too old; start again"
        )


class RateUnavailable(UpstreamError):
    """No exchange rate is known for a currency. ``problems``: by source, what was wrong with it."""

    code = "rate_unavailable"

    def __init__(self, currency: str, problems: Mapping[str, str] = _NO_PROBLEMS) -> None:
        self.currency = currency
        self.problems = dict(problems)
        said = "; ".join(f"{source}: {text}" for source, text in self.problems.items())
        super().__init__(
            f"rate fetch failed: no exchange rate for {currency}"
            + (f" ({said[:300]})" if said else "")
            + "; pin one or try again later"
        )


class RecipientFailed(UpstreamError):
    """A lightning address cannot be tipped. ``reason`` may quote its server; nothing was paid."""

    code = "recipient_failed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the tip's recipient cannot be paid: {reason}")


class NotAuthentic(KeysatError):
    """A provider's webhook is not signed by its provider, or cannot be read."""

    code = "not_authentic"

    def __init__(self) -> None:
        super().__init__("unauthorized")


class ProviderNotLoaded(KeysatError):
    """A provider account exists but this server may not use it. ``remedy`` says what to change."""

    code = "provider_not_loaded"

    def __init__(self, kind: str, remedy: str) -> None:
        self.kind = kind
        self.remedy = remedy
        super().__init__(f"payment provider {str(kind)!r} is not available: {remedy}")
