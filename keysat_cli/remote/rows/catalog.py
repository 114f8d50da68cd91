"""Products, policies and discount codes."""

from collections.abc import Mapping
from typing import Any, Final

import click

from keysat_cli.commands.code import changes_asked
from keysat_cli.commands.policy import changes_given
from keysat_cli.options import PolicyAddress
from keysat_cli.remote.api import API
from keysat_cli.remote.row import Params, Remote, changed, moment, named, said
from keysat_core.limits import CODES_PAGE_MAX

PRODUCTS: Final = "products"
POLICIES: Final = "policies"
CODES: Final = "discount-codes"


def find_product(api: API, slug: str) -> Mapping[str, Any]:
    """Find a product by its slug. Raises ``NotFound``."""
    return named(api.get(PRODUCTS, include_inactive=True)["products"], "product", slug, "slug")


def find_policy(api: API, address: PolicyAddress) -> Mapping[str, Any]:
    """Find a policy by product and slug. Raises ``NotFound``."""
    found = api.get(
        POLICIES, product_slug=address.product_slug, include_inactive=True, include_archived=True
    )
    return named(found["policies"], "policy", address.slug, "slug")


def find_code(api: API, text: str) -> Mapping[str, Any]:
    """Find a code by its text in any case, or by its id. Raises ``NotFound``."""
    offset = 0
    while True:
        page = api.get(CODES, include_inactive=True, limit=CODES_PAGE_MAX, offset=offset)["codes"]
        for code in page:
            if text.strip().upper() == code["code"] or text == code["id"]:
                found: Mapping[str, Any] = code
                return found
        offset += len(page)
        if len(page) < CODES_PAGE_MAX:
            return named((), "discount code", text)


def _create_product(api: API, p: Params) -> Any:
    priced = {} if p["price_value"] is None else {"price_currency": p["price_currency"]}
    body = said(
        slug=p["slug"],
        name=p["name"],
        description=p["description"],
        price_value=p["price_value"],
        metadata=p["metadata"],
        entitlements_catalog=p["catalog"],
        merchant_profile_id=p["profile_id"],
    )
    return api.post(PRODUCTS, body=body | priced)


def _list_products(api: API, p: Params) -> Any:
    return api.get(PRODUCTS, include_inactive=p["is_inactive_included"])


def _show_product(api: API, p: Params) -> Any:
    return api.get(PRODUCTS, find_product(api, p["slug"])["id"])


def _update_product(api: API, p: Params) -> Any:
    if p["metadata"] is not None:
        raise click.UsageError(
            "--metadata changes only where the database is: the admin API sets it once, at creation"
        )
    found = find_product(api, p["slug"])
    body = said(name=p["name"], description=p["description"])
    if p["price_value"] is not None or p["price_currency"] is not None:
        body["price_currency"] = p["price_currency"] or found["price_currency"]
        body["price_value"] = p["price_value"]
    if p["no_catalog"] or p["catalog"] is not None:
        body["entitlements_catalog"] = None if p["no_catalog"] else p["catalog"]
    if p["no_profile"] or p["profile_id"] is not None:
        body["merchant_profile_id"] = None if p["no_profile"] else p["profile_id"]
    return api.patch(PRODUCTS, found["id"], body=body)


def _switch_product(api: API, p: Params, *, active: bool) -> Any:
    product_id = find_product(api, p["slug"])["id"]
    api.patch(PRODUCTS, product_id, "active", body={"active": active})
    return api.get(PRODUCTS, product_id)


def _delete_product(api: API, p: Params) -> Any:
    return api.delete(PRODUCTS, find_product(api, p["slug"])["id"], force=p["is_forced"])


def _create_policy(api: API, p: Params) -> Any:
    address = p["address"]
    body = said(**{name: value for name, value in p.items() if name != "address"})
    return api.post(
        POLICIES, body=body | {"product_slug": address.product_slug, "slug": address.slug}
    )


def _list_policies(api: API, p: Params) -> Any:
    return api.get(
        POLICIES,
        product_slug=p["product_slug"],
        include_inactive=p["is_all"],
        include_archived=p["is_all"],
    )


def _show_policy(api: API, p: Params) -> Any:
    return api.get(POLICIES, find_policy(api, p["address"])["id"])


def _update_policy(api: API, p: Params) -> Any:
    body = changes_given(**{name: value for name, value in p.items() if name != "address"})
    return api.patch(POLICIES, find_policy(api, p["address"])["id"], body=body)


def _switch_policy(api: API, p: Params, switch: str, *, is_on: bool) -> Any:
    policy_id = find_policy(api, p["address"])["id"]
    done = api.patch(POLICIES, policy_id, switch, body={switch: is_on})
    return done if api.is_dry_run else api.get(POLICIES, policy_id)


def _order_policies(api: API, p: Params) -> Any:
    slug = p["product_slug"]
    ids = [find_policy(api, PolicyAddress(slug, one))["id"] for one in p["slugs"]]
    return api.put(
        PRODUCTS, find_product(api, slug)["id"], "policy-order", body={"policy_ids": ids}
    )


def _set_tip(api: API, p: Params) -> Any:
    fields = ("tip_recipient", "tip_pct_bps", "tip_label")
    return api.patch(
        POLICIES,
        find_policy(api, p["address"])["id"],
        "tip",
        body={field: p[field] for field in fields},
    )


def _delete_policy(api: API, p: Params) -> Any:
    return api.delete(POLICIES, find_policy(api, p["address"])["id"], force=p["is_forced"])


def _create_code(api: API, p: Params) -> Any:
    body = said(
        code=p["code"],
        kind=p["kind"],
        amount=p["amount"],
        discount_currency=p["currency"],
        duration=p["duration"],
        max_uses=p["max_uses"],
        expires_at=moment(p["expires_at"]),
        product_slug=p["product"],
        policy_slugs=p["policies"],
        referrer_label=p["referrer"],
        description=p["description"],
        featured=p["featured"],
    )
    return api.post(CODES, body=body)


def _list_codes(api: API, p: Params) -> Any:
    return api.get(CODES, include_inactive=p["is_all"], limit=p["limit"], offset=p["offset"])


def _show_code(api: API, p: Params) -> Any:
    return api.get(CODES, find_code(api, p["code"])["id"])


def _update_code(api: API, p: Params) -> Any:
    asked = {name: value for name, value in p.items() if name != "code"}
    body = changed(changes_asked(**asked))
    if body.get("expires_at") is not None:
        body["expires_at"] = moment(body["expires_at"])
    return api.patch(CODES, find_code(api, p["code"])["id"], body=body)


def _switch_code(api: API, p: Params, *, active: bool) -> Any:
    code_id = find_code(api, p["code"])["id"]
    api.patch(CODES, code_id, "active", body={"active": active})
    return api.get(CODES, code_id)["code"]


def _delete_code(api: API, p: Params) -> Any:
    return api.delete(CODES, find_code(api, p["code"])["id"])


def _preview_code(api: API, p: Params) -> Any:
    return api.read(
        "/v1/discount-codes/preview",
        code=p["code"],
        product=p["product"],
        policy_slug=p["policy"],
    )


def _attribute_codes(api: API, p: Params) -> Any:
    return api.get(CODES, "attribution", since=moment(p["since"]), until=moment(p["until"]))


ROWS: Final[Mapping[str, Remote]] = {
    "product create": Remote(run=_create_product),
    "product list": Remote(
        run=_list_products,
        columns=("slug", "name", "price_currency", "price_value", "active", "id"),
    ),
    "product show": Remote(run=_show_product),
    "product update": Remote(run=_update_product),
    "product activate": Remote(run=lambda api, p: _switch_product(api, p, active=True)),
    "product deactivate": Remote(run=lambda api, p: _switch_product(api, p, active=False)),
    "product delete": Remote(run=_delete_product),
    "policy create": Remote(run=_create_policy),
    "policy list": Remote(
        run=_list_policies,
        columns=(
            "slug", "name", "price_sats_override", "duration_seconds", "max_machines", "tier_rank",
            "active", "public", "archived_at", "id",
        ),
    ),
    "policy show": Remote(run=_show_policy),
    "policy update": Remote(run=_update_policy),
    "policy archive": Remote(run=lambda api, p: _switch_policy(api, p, "archived", is_on=True)),
    "policy unarchive": Remote(run=lambda api, p: _switch_policy(api, p, "archived", is_on=False)),
    "policy activate": Remote(run=lambda api, p: _switch_policy(api, p, "active", is_on=True)),
    "policy deactivate": Remote(run=lambda api, p: _switch_policy(api, p, "active", is_on=False)),
    "policy publish": Remote(run=lambda api, p: _switch_policy(api, p, "public", is_on=True)),
    "policy hide": Remote(run=lambda api, p: _switch_policy(api, p, "public", is_on=False)),
    "policy reorder": Remote(run=_order_policies, columns=("slug", "name", "tier_rank", "id")),
    "policy set-tip": Remote(run=_set_tip),
    "policy delete": Remote(run=_delete_policy),
    "code create": Remote(run=_create_code),
    "code list": Remote(
        run=_list_codes,
        columns=(
            "code", "kind", "amount", "discount_currency", "used_count", "max_uses", "expires_at",
            "active", "id",
        ),
    ),
    "code show": Remote(run=_show_code),
    "code update": Remote(run=_update_code),
    "code enable": Remote(run=lambda api, p: _switch_code(api, p, active=True)),
    "code disable": Remote(run=lambda api, p: _switch_code(api, p, active=False)),
    "code delete": Remote(run=_delete_code),
    "code preview": Remote(run=_preview_code),
    "code attribution": Remote(run=_attribute_codes),
}  # fmt: skip
