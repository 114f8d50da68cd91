"""Why the last try to connect a BTCPay Server came to nothing, for whoever waits for it."""

import msgspec

from keysat_core.domain.connecting import RemoteStore
from keysat_core.domain.instant import Instant
from keysat_core.errors import InvariantError, KeysatError, StoreUndecided
from keysat_core.limits import CONNECT_PROBLEM_CHARS_MAX, CONNECT_STORES_MAX, NAME_CHARS_MAX


class ConnectFailure(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong after a consent. ``stores``: name one of them when connecting again."""

    message: str
    stores: tuple[RemoteStore, ...] = ()
    failed_at: Instant


def connect_failure(failure: KeysatError, now: Instant) -> ConnectFailure:
    """Keep of a failure what its operator can act on."""
    text = failure.problem if isinstance(failure, InvariantError) else str(failure)
    found = failure.stores if isinstance(failure, StoreUndecided) else ()
    return ConnectFailure(
        message=text[:CONNECT_PROBLEM_CHARS_MAX],
        stores=tuple(
            RemoteStore(id=store_id, name=name[:NAME_CHARS_MAX])
            for store_id, name in found[:CONNECT_STORES_MAX]
        ),
        failed_at=now,
    )


def as_setting(failure: ConnectFailure) -> str:
    """Write it as the text of a setting."""
    return msgspec.json.encode(failure).decode("utf-8")


def from_setting(text: str | None) -> ConnectFailure | None:
    """Read what ``as_setting`` wrote; None of None."""
    return None if text is None else msgspec.json.decode(text, type=ConnectFailure)
