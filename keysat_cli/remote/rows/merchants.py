"""Merchant profiles and the accounts that collect for them."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

import click

from keysat_cli.commands.profile import changed_fields, read_picture
from keysat_cli.commands.zaprite import read_api_key
from keysat_cli.options import confirm
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote, said
from keysat_core.domain.secret import Secret

PROFILES: Final = "merchant-profiles"
RAILS: Final = "rail-preferences"


def _create_profile(api: API, p: Params) -> Any:
    return api.post(PROFILES, body=said(**p))


def _list_profiles(api: API, p: Params) -> Any:
    del p
    return api.get(PROFILES)


def _show_profile(api: API, p: Params) -> Any:
    return api.get(PROFILES, p["profile_id"])


def _update_profile(api: API, p: Params) -> Any:
    body = changed_fields(**{name: value for name, value in p.items() if name != "profile_id"})
    password = body.get("smtp_password")
    if isinstance(password, Secret):
        body["smtp_password"] = password.reveal()
    return api.patch(PROFILES, p["profile_id"], body=body)


def _delete_profile(api: API, p: Params) -> Any:
    return api.delete(PROFILES, p["profile_id"])


def _set_default(api: API, p: Params) -> Any:
    return api.post(PROFILES, p["profile_id"], "set-default")


def _set_logo(api: API, p: Params) -> Any:
    content = b64encode(read_picture(p["picture"])).decode("ascii")
    return api.put(PROFILES, p["profile_id"], "logo", body={"content": content})


def _clear_logo(api: API, p: Params) -> Any:
    return api.delete(PROFILES, p["profile_id"], "logo")


def _prefer(api: API, p: Params) -> Any:
    body = {"payment_provider_id": p["provider_id"]}
    return api.put(PROFILES, p["profile_id"], RAILS, p["rail"], body=body)


def _unprefer(api: API, p: Params) -> Any:
    return api.delete(PROFILES, p["profile_id"], RAILS, p["rail"])


def _providers(api: API, p: Params) -> Any:
    del p
    return api.get("payment-provider", "status")


def _connect_btcpay(api: API, p: Params) -> Any:
    if p["is_key_given"]:
        raise click.UsageError(
            "--api-key-stdin works only where the database is; leave it out, and approve at BTCPay"
        )
    body = said(merchant_profile_id=p["profile_id"], label=p["label"], store_id=p["store_id"])
    return api.post("btcpay", "connect", body=body)


def _status(api: API, p: Params, kind: str) -> Any:
    del p
    return api.get(kind, "status")


def _disconnect(api: API, p: Params, kind: str) -> Any:
    return api.post(kind, "disconnect", body=said(provider_id=p["provider_id"]))


def _payment_methods(api: API, p: Params) -> Any:
    del p
    return api.get("btcpay", "payment-methods")


def _connect_zaprite(api: API, p: Params) -> Any:
    body = said(
        api_key=read_api_key().strip(),
        base_url=p["base_url"],
        label=p["label"],
        merchant_profile_id=p["profile_id"],
    )
    return api.post("zaprite", "connect", body=body)


def _saved_payments(api: API, p: Params) -> Any:
    return api.get("zaprite", "saved-payments", limit=p["limit"], offset=p["offset"])


def _charge(api: API, p: Params) -> Any:
    due, saved = (api.get("invoices", p[name]) for name in ("invoice_id", "saved_invoice_id"))
    confirm(
        f"Charge the card that {saved['buyer_email'] or 'nobody'} saved on {saved['created_at']} for"
        f" invoice {due['id']} of {due['amount_sats']} sats, which {due['buyer_email'] or 'nobody'}"
        f" opened on {due['created_at']}? Whoever opened it typed that address; only an invoice you"
        " know to be theirs should be charged.",
        is_yes=p["is_yes"],
    )
    return api.post("invoices", due["id"], "charge", body={"saved_invoice_id": saved["id"]})


ROWS: Final[Mapping[str, Remote]] = {
    "profile create": Remote(run=_create_profile),
    "profile list": Remote(run=_list_profiles, columns=("name", "is_default", "id")),
    "profile show": Remote(run=_show_profile),
    "profile update": Remote(run=_update_profile),
    "profile delete": Remote(run=_delete_profile),
    "profile set-default": Remote(run=_set_default),
    "profile set-logo": Remote(run=_set_logo),
    "profile clear-logo": Remote(run=_clear_logo),
    "profile prefer": Remote(run=_prefer),
    "profile unprefer": Remote(run=_unprefer),
    "profile providers": Remote(run=_providers),
    "btcpay connect": Remote(run=_connect_btcpay),
    "btcpay status": Remote(run=lambda api, p: _status(api, p, "btcpay")),
    "btcpay disconnect": Remote(run=lambda api, p: _disconnect(api, p, "btcpay")),
    "btcpay methods": Remote(run=_payment_methods),
    "zaprite connect": Remote(run=_connect_zaprite),
    "zaprite status": Remote(run=lambda api, p: _status(api, p, "zaprite")),
    "zaprite saved": Remote(
        run=_saved_payments,
        columns=("invoice_id", "buyer_email", "state", "method", "expires_at", "charge"),
    ),
    "zaprite charge": Remote(run=_charge, is_asking=False),
    "zaprite disconnect": Remote(run=lambda api, p: _disconnect(api, p, "zaprite")),
}
