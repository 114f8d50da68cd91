"""Part of the store: what the server keeps for its own work."""

from typing import Protocol

from keysat_core.domain.database_info import DatabaseInfo
from keysat_core.domain.idempotency import IdempotencyRecord, KeptRequest, RequestKey
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease
from keysat_core.domain.rate_limit import Bucket
from keysat_core.domain.secret import Secret
from keysat_core.domain.tallies import ShopTallies


class Idempotency(Protocol):
    """Idempotency keys of one operation."""

    def find_record(self, operation: str, key: str) -> IdempotencyRecord | None: ...
    def put_record(self, operation: str, record: IdempotencyRecord) -> None: ...
    def remove_for_invoice(self, invoice_id: InvoiceId) -> None:
        """Free the keys of an invoice that never came to be."""
        ...

    def purge_records(self, before: Instant, limit: int) -> int: ...


class Answers(Protocol):
    """Operators' requests that came with an Idempotency-Key and took effect, with their answers."""

    def find_request(self, key: RequestKey) -> KeptRequest | None: ...
    def put_request(
        self, request: KeptRequest, *, expired_before: Instant, expired_from: Instant
    ) -> None:
        """Keep a request in the transaction of its effect; an expired one gives way.

        That is one made at or before the first instant, or at or after the second: the clock that
        dated it has gone back since.

        Raises:
            RequestInFlight: another request came first with this key.
        """
        ...

    def put_answer(self, key: RequestKey, status: int, sealed_body: bytes) -> None:
        """Keep the answer of a request that is there; without one nothing is done."""
        ...

    def purge_requests(self, before: Instant, after: Instant, limit: int) -> int:
        """Remove up to ``limit`` requests made before the one instant or after the other."""
        ...


class Tallies(Protocol):
    """How many rows there are. With a million of each a count takes tens of milliseconds."""

    def count_all(self, now: Instant) -> ShopTallies: ...


class Buckets(Protocol):
    """Rate-limit buckets, kept so that a restart does not reset them."""

    def find_bucket(self, kind: str, key: str) -> Bucket | None: ...
    def put_bucket(self, kind: str, key: str, bucket: Bucket) -> None: ...
    def purge_buckets(self, before: Instant, limit: int) -> int: ...


class Leases(Protocol):
    """Leases of background jobs, one per name. A job never leased has no row."""

    def find_lease(self, name: str) -> Lease | None: ...
    def list_leases(self) -> list[Lease]:
        """In the order of their names."""
        ...

    def put_lease(self, lease: Lease) -> None: ...


class Settings(Protocol):
    """Values an operator sets while the server runs, and the server's own signing key."""

    def find_setting(self, key: str) -> str | None: ...
    def put_setting(self, key: str, value: str | None, now: Instant) -> None:
        """None removes the setting."""
        ...

    def find_signing_key_pem(self) -> tuple[Secret, str] | None:
        """The private and the public PEM; None before first boot."""
        ...

    def put_signing_key_pem(self, private_pem: Secret, public_pem: str, now: Instant) -> None:
        """Keep the first key for ever: raises ``SigningKeyUnusable`` if one exists already."""
        ...

    def replace_signing_key_pem(self, private_pem: Secret, public_pem: str, now: Instant) -> None:
        """Keep another key in place of the one there is. Only while nothing was signed with it."""
        ...


class Statistics(Protocol):
    """The store as a whole."""

    def database_info(self) -> DatabaseInfo:
        """Describe it and count its rows: in less than a tenth of a second with a million each."""
        ...
