"""Licenses, their tiers, machines and subscriptions, and the invoices they were sold on."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from keysat_cli.commands.invoice import ACCEPT
from keysat_cli.commands.license_import import read_table, show
from keysat_cli.commands.license_options import granted_fields
from keysat_cli.options import confirm
from keysat_cli.output import note
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote, moment, narrowed, said
from keysat_cli.remote.rows.queries import invoice_query, license_query
from keysat_http.views.issued_table import IssuedTable
from keysat_http.views.license import License

LICENSES: Final = "licenses"
INVOICES: Final = "invoices"
SUBSCRIPTIONS: Final = "subscriptions"
MACHINES: Final = "machines"
LATE_PAYMENTS: Final = ("settings", "accept-late-payments")


def _issue(api: API, p: Params) -> Any:
    given = granted_fields(p)
    given["expires_at"] = moment(given["expires_at"])
    # An empty list grants nothing, which is not what leaving it out means.
    entitlements = given.pop("entitlements")
    granted = {} if entitlements is None else {"entitlements": list(entitlements)}
    return api.post(LICENSES, body=said(**given) | granted)


def _list_licenses(api: API, p: Params) -> Any:
    return api.get(LICENSES, limit=p["limit"], offset=p["offset"], **license_query(api, p))


def _import_licenses(api: API, p: Params) -> None:
    body = {
        "csv": read_table(p["file"]),
        "dry_run": p["is_dry_run"],
        "on_error": p["on_error"],
    }
    show(msgspec.convert(api.post(LICENSES, "bulk", body=body), IssuedTable), p["report"])


def _show_license(api: API, p: Params) -> Any:
    return api.get(LICENSES, p["license_id"])


def _recover(api: API, p: Params) -> Any:
    body = {"invoice_id": p["invoice_id"], "email": p["email"]}
    return api.change("POST", "/v1/recover", body=body)


def _set_status(api: API, p: Params, verb: str) -> Any:
    reason = p.get("reason")
    done = api.post(LICENSES, p["license_id"], verb, body={"reason": reason or ""})
    if done.get("already"):
        note(f"License {p['license_id']} was {done['already']} already.")
    if api.is_dry_run:
        return done
    return narrowed(api.get(LICENSES, p["license_id"]), License)


def _summary(api: API, p: Params) -> Any:
    del p
    return api.get(LICENSES, "summary")


def _counts(api: API, p: Params) -> Any:
    del p
    return api.get(LICENSES, "counts")


def _change_tier(api: API, p: Params) -> Any:
    license_id = p["license_id"]
    body = said(to_policy_slug=p["slug"], apply_at=p["apply_at"], reason=p["reason"])
    preview = api.post(LICENSES, license_id, "change-tier", body=body | {"dry_run": True})
    if p["is_dry_run"]:
        return preview
    for warning in preview["warnings"]:
        note(f"Warning: {warning}.")
    if preview["warnings"]:
        confirm(f"Put license {license_id} on tier {p['slug']}?", is_yes=p["is_yes"])
    return api.post(LICENSES, license_id, "change-tier", body=body)


def _quote_tier(api: API, p: Params) -> Any:
    return api.get(
        LICENSES,
        p["license_id"],
        "tier-quote",
        to_policy_slug=p["slug"],
        skip_payment=not p["is_paid"],
        apply_at=p["apply_at"],
    )


def _tier_history(api: API, p: Params) -> Any:
    return api.get(LICENSES, p["license_id"], "tier-changes")


def _cancel_tier_change(api: API, p: Params) -> Any:
    return api.delete(LICENSES, p["license_id"], "tier-changes", p["change_id"])


def _own_tier(api: API, p: Params) -> Any:
    del p
    return api.get("tier")


def _list_machines(api: API, p: Params) -> Any:
    return api.get(
        MACHINES,
        license_id=p["license_id"],
        product_slug=p["product_slug"],
        include_inactive=p["is_inactive_included"],
        limit=p["limit"],
        offset=p["offset"],
    )


def _free_machine(api: API, p: Params) -> Any:
    return api.post(MACHINES, p["machine_id"], "deactivate", body={"reason": p["reason"] or ""})


def _list_subscriptions(api: API, p: Params) -> Any:
    names = ("status", "product_id", "license_id", "limit", "offset")
    return api.get(SUBSCRIPTIONS, **{name: p[name] for name in names})


def _show_subscription(api: API, p: Params) -> Any:
    return api.get(SUBSCRIPTIONS, p["subscription_id"])


def _cancel_subscription(api: API, p: Params) -> Any:
    return api.post(
        SUBSCRIPTIONS, p["subscription_id"], "cancel", body={"reason": p["reason"] or ""}
    )


def _list_invoices(api: API, p: Params) -> Any:
    return api.get(INVOICES, limit=p["limit"], offset=p["offset"], **invoice_query(p))


def _show_invoice(api: API, p: Params) -> Any:
    return api.get(INVOICES, p["invoice_id"])


def _settle(api: API, p: Params) -> Any:
    if p["is_forced"]:
        found = api.get(INVOICES, p["invoice_id"])
        if found["status"] != "settled":
            confirm(
                f"Issue a license of {found['product_slug']} as if the {found['amount_sats']} sats of"
                f" invoice {found['id']}, which is {found['status']}, had been paid? This cannot be"
                " undone, only the license revoked.",
                is_yes=p["is_yes"],
            )
    body = {"reason": p["reason"] or "", "force": p["is_forced"]}
    return api.post(INVOICES, p["invoice_id"], "settle", body=body)


def _late_payments(api: API, p: Params) -> Any:
    if p["choice"] is None:
        return api.get(*LATE_PAYMENTS)
    return api.post(*LATE_PAYMENTS, body={"enabled": p["choice"] == ACCEPT})


def _revenue(api: API, p: Params) -> Any:
    return api.get("revenue", "summary", since=moment(p["since"]), until=moment(p["until"]))


ROWS: Final[Mapping[str, Remote]] = {
    "license issue": Remote(run=_issue),
    "license import": Remote(run=_import_licenses),
    "license list": Remote(
        run=_list_licenses,
        columns=(
            "id", "status", "product_slug", "policy_slug", "buyer_email", "issued_at", "expires_at",
        ),
    ),
    "license show": Remote(run=_show_license),
    "license recover": Remote(run=_recover),
    "license revoke": Remote(run=lambda api, p: _set_status(api, p, "revoke")),
    "license suspend": Remote(run=lambda api, p: _set_status(api, p, "suspend")),
    "license unsuspend": Remote(run=lambda api, p: _set_status(api, p, "unsuspend")),
    "license summary": Remote(run=_summary),
    "license counts": Remote(run=_counts),
    "tier change": Remote(run=_change_tier, is_asking=False),
    "tier quote": Remote(run=_quote_tier),
    "tier history": Remote(
        run=_tier_history,
        columns=(
            "id", "from_policy_slug", "to_policy_slug", "actor", "listed_currency",
            "proration_charge_value", "applied_at", "created_at", "reason",
        ),
    ),
    "tier cancel": Remote(run=_cancel_tier_change),
    "tier show": Remote(run=_own_tier),
    "machine list": Remote(
        run=_list_machines,
        columns=(
            "id", "license_id", "product_slug", "hostname", "platform", "last_heartbeat_at", "active",
        ),
    ),
    "machine deactivate": Remote(run=_free_machine),
    "subscription list": Remote(
        run=_list_subscriptions,
        columns=(
            "id", "status", "license_id", "listed_currency", "listed_value", "period_days",
            "next_renewal_at", "started_at",
        ),
    ),
    "subscription show": Remote(run=_show_subscription),
    "subscription cancel": Remote(run=_cancel_subscription),
    "invoice list": Remote(
        run=_list_invoices,
        columns=(
            "id", "status", "attention", "product_slug", "buyer_email", "amount_sats", "created_at",
        ),
    ),
    "invoice show": Remote(run=_show_invoice),
    "invoice settle": Remote(run=_settle, is_asking=False),
    "invoice late-payments": Remote(run=_late_payments),
    "invoice revenue": Remote(run=_revenue),
}  # fmt: skip
