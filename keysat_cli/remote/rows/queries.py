"""What narrows long lists, as the admin API takes it."""

from typing import Any, Final

from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, moment
from keysat_cli.remote.rows.catalog import find_policy, find_product

_AUDIT: Final = (
    "action",
    "actor_kind",
    "actor_hash",
    "actor_id",
    "target_kind",
    "target_id",
    "request_id",
)


def license_query(api: API, p: Params) -> dict[str, Any]:
    """Narrow licenses; a product and a tier are looked up by their names."""
    slug, address = p["product_slug"], p["address"]
    return {
        "product_id": None if slug is None else find_product(api, slug)["id"],
        "policy_id": None if address is None else find_policy(api, address)["id"],
        "status": p["status"],
        "buyer_email": p["buyer_email"],
        "nostr_npub": p["nostr_npub"],
        "invoice_id": p["invoice_id"],
        **_times(p),
    }


def invoice_query(p: Params) -> dict[str, Any]:
    """Narrow invoices."""
    return {
        "status": p["status"],
        "product_slug": p["product_slug"],
        "buyer_email": p["buyer_email"],
        "invoice_id": p["invoice_id"],
        "payment_provider_id": p["account_id"],
        "needs_attention": p["attention"],
        **_times(p),
    }


def audit_query(p: Params) -> dict[str, Any]:
    """Narrow the audit log."""
    return {**{name: p[name] for name in _AUDIT}, **_times(p)}


def _times(p: Params) -> dict[str, Any]:
    return {"since": moment(p["since"]), "until": moment(p["until"])}
