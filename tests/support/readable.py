"""Requests that any admin route can read: what a test sends that walks all of them."""

from typing import Final

BODY_METHODS: Final = {"POST", "PUT", "PATCH"}
READABLE_QUERY: Final = {"product_slug": "x", "to_policy_slug": "x"}
READABLE: Final[dict[str, object]] = {
    "slug": "x",
    "name": "X",
    "price_sats": 1,
    "product_slug": "x",
    "active": True,
    "public": True,
    "archived": True,
    "tip_pct_bps": 0,
    "policy_ids": [],
    "reason": "",
    "to_policy_slug": "x",
    "currency": "USD",
    "units_per_btc": None,
    "enabled": True,
    "url": "https://hooks.example",
    "since": "2027-01-01T00:00:00Z",
    "payment_provider_id": "x",
    "code": "X",
    "kind": "percent",
    "amount": 1,
    "label": "X",
    "role": "support",
    "password": "correct horse battery",
}
"""A body every admin route can read."""


def filled(path: str) -> str:
    """Put something where the path has a parameter."""
    parts = path.split("/")
    return "/".join("something" if part.startswith("{") else part for part in parts)
