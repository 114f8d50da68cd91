"""Every expected failure of the core, one leaf each.

A leaf carries a stable snake_case ``code`` and typed fields; its message is built here and never
holds a secret. How a leaf looks on the wire is the shells' business (``keysat_http.errors``).
"""

from typing import ClassVar


class KeysatError(Exception):
    """Root of every expected failure. Catch leaves, not this, except at a shell's edge."""

    code: ClassVar[str] = "keysat_error"


class InvariantError(KeysatError, ValueError):
    """A value breaks a rule of the domain. ``field`` names it, ``problem`` says what to do.

    It is a ``ValueError`` so that msgspec reports it as a validation error when decoding.
    """

    code = "invalid_field"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")


class LicenseKeyError(KeysatError):
    """A license key cannot be accepted."""

    code = "license_key_rejected"


class BadKeyFormat(LicenseKeyError):
    """The text is not a LIC1 license key."""

    code = "bad_format"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"not a license key: {problem}")


class BadKeySignature(LicenseKeyError):
    """The key is well formed but was not signed by this public key, or was altered."""

    code = "bad_signature"

    def __init__(self) -> None:
        super().__init__("the license key was not signed by this issuer")


class KeyExpired(LicenseKeyError):
    """The signed expiry has passed. ``expires_at`` is in Unix seconds."""

    code = "expired"

    def __init__(self, expires_at: int) -> None:
        self.expires_at = expires_at
        super().__init__(f"the license key expired at Unix time {expires_at}")


class FingerprintMismatch(LicenseKeyError):
    """The key is bound to another machine."""

    code = "fingerprint_mismatch"

    def __init__(self) -> None:
        super().__init__("the license key is bound to another machine")


class BadPEM(KeysatError):
    """The text is not an Ed25519 key in PEM form. ``problem`` never quotes the input."""

    code = "bad_pem"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"not an Ed25519 key in PEM form: {problem}")


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

    def __init__(self, noun: str, slug: str, blockers: dict[str, int]) -> None:
        self.noun = noun
        self.slug = slug
        self.blockers = blockers
        listed = ", ".join(f"{count} {name}" for name, count in blockers.items())
        super().__init__(
            f"{noun} {slug!r} still has {listed}; "
            "archive or deactivate it, or repeat with force=true to delete those too"
        )


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


class PurchaseRefused(KeysatError):
    """The buyer cannot buy this; the message says why."""

    code = "purchase_refused"


class ProductInactive(PurchaseRefused):
    """The product is not for sale."""

    code = "product_inactive"

    def __init__(self, slug: str) -> None:
        super().__init__(f"product {slug!r} is not for sale")


class PolicyUnavailable(PurchaseRefused):
    """The tier exists but cannot be bought. ``problem``: inactive, not public or archived."""

    code = "policy_unavailable"

    def __init__(self, slug: str, problem: str) -> None:
        self.problem = problem
        super().__init__(f"tier {slug!r} is {problem} and cannot be bought")


class CodeRefused(PurchaseRefused):
    """The discount code does not apply. ``reason``: a word of ``spec`` lifecycles 6.2."""

    code = "code_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the discount code cannot be used ({reason}); buy without it or check it")


class NoProvider(PurchaseRefused):
    """No connected payment provider can take this payment."""

    code = "no_provider"

    def __init__(self, rail: str | None = None) -> None:
        self.rail = rail
        what = f"the {rail} rail" if rail else "payments"
        super().__init__(f"the seller has no payment provider connected for {what}")


class UpstreamError(KeysatError):
    """Something outside this server failed; nothing was charged or reserved."""

    code = "upstream_error"


class ProviderRefused(UpstreamError):
    """The provider answered no. Retrying the same call is useless. ``problem``: auth, not_found, rejected, unsupported."""

    code = "provider_refused"

    def __init__(self, operation: str, problem: str, detail: str = "") -> None:
        self.operation = operation
        self.problem = problem
        super().__init__(f"{operation}: {problem}" + (f": {detail[:300]}" if detail else ""))


class ProviderUnavailable(UpstreamError):
    """Whether the provider acted is unknown; the same call may be repeated by the same key."""

    code = "provider_unavailable"

    def __init__(self, operation: str, detail: str = "") -> None:
        self.operation = operation
        super().__init__(f"{operation}: unavailable" + (f": {detail[:300]}" if detail else ""))


class RateUnavailable(UpstreamError):
    """No exchange rate is known for a currency."""

    code = "rate_unavailable"

    def __init__(self, currency: str) -> None:
        self.currency = currency
        super().__init__(f"no exchange rate for {currency}; pin one or try again later")


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


class RateLimited(KeysatError):
    """Too many requests. ``retry_after_seconds`` is when the next one will be let through."""

    code = "rate_limited"

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"slow down and retry in {retry_after_seconds} s")


class ServerFault(KeysatError):
    """This server is broken or misconfigured; an operator must act. The message is for operators."""

    code = "server_fault"


class ConfigurationError(ServerFault):
    """A setting is missing or wrong; the message names it and the remedy."""

    code = "configuration_error"

    def __init__(self, setting: str, problem: str) -> None:
        self.setting = setting
        self.problem = problem
        super().__init__(f"{setting}: {problem}")


class NotInstalled(ServerFault):
    """A part of Keysat is not installed here. ``extra`` names what brings it."""

    code = "not_installed"

    def __init__(self, part: str, extra: str) -> None:
        self.part = part
        self.extra = extra
        super().__init__(f"{part} is not installed: pip install 'keysat[{extra}]'")


class CorruptRow(ServerFault):
    """A stored row cannot be read as what it should be."""

    code = "corrupt_row"

    def __init__(self, table: str, key: str, problem: str) -> None:
        self.table = table
        super().__init__(f"row {key} of table {table} is unreadable: {problem}")


class StoreBusy(ServerFault):
    """The database stayed locked by another process for longer than the busy timeout."""

    code = "store_busy"

    def __init__(self) -> None:
        super().__init__("the database is busy; retry")


class StoreUnavailable(ServerFault):
    """The database cannot be opened, read or written. ``problem`` says which."""

    code = "store_unavailable"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"the database cannot be used: {problem}")


class MigrationRefused(ServerFault):
    """The database's schema cannot be brought to this program's version. The message has the remedy."""

    code = "migration_refused"


class PathTaken(ServerFault):
    """A file would have to be replaced to write this one, and no file ever is."""

    code = "path_taken"

    def __init__(self, path: str, remedy: str = "choose another name") -> None:
        self.path = path
        super().__init__(f"{path} exists already and is never overwritten; {remedy}")


class BackupUnsound(ServerFault):
    """A copy of the database is not one the shop could go on with. ``problems`` say why."""

    code = "backup_unsound"

    def __init__(self, path: str, problems: tuple[str, ...]) -> None:
        self.path = path
        self.problems = problems
        super().__init__(f"{path} is not sound: {'; '.join(problems)}")


class DatabaseInUse(ServerFault):
    """Another process has the database open, so its file cannot be exchanged. The message says where."""

    code = "database_in_use"


class SigningKeyUnusable(ServerFault):
    """The stored signing key is missing, damaged, or does not match its public key."""

    code = "signing_key_unusable"

    def __init__(self, problem: str) -> None:
        super().__init__(f"the signing key cannot be used: {problem}")
