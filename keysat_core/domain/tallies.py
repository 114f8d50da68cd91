"""How many of everything there are, for who watches the server."""

from collections.abc import Mapping

import msgspec


class ShopTallies(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by their status; a status nothing has may be missing.

    ``receipts_waiting``: webhooks of payment providers that were noted and not yet looked into.
    ``api_keys``: those not revoked. ``sessions``: web sessions that have not ended.
    """

    invoices: Mapping[str, int]
    licenses: Mapping[str, int]
    subscriptions: Mapping[str, int]
    deliveries: Mapping[str, int]
    receipts_waiting: int
    events: int
    api_keys: int
    sessions: int
