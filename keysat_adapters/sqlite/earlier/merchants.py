"""Carrying merchant profiles, provider accounts and rail preferences (admin-api 3)."""

from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import (
    DEFAULT_PROFILE_NAME,
    SERVED_RAILS,
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
    RailPreference,
)
from keysat_core.domain.payment import Rail
from keysat_core.domain.secret import Secret
from keysat_core.limits import MAIL_PASSWORD_CHARS_MAX, NAME_CHARS_MAX, URL_CHARS_MAX

_PORT_MAX = 65_535


def carry_merchants(mover: Mover) -> None:
    """Carry all of them. Without a default profile the oldest becomes it."""
    default_id = _default_id(mover)

    def profile(cells: Cells) -> None:
        _carry_profile(mover, cells, is_default=cells.id == default_id)

    def account(cells: Cells) -> None:
        _carry_account(mover, cells)

    def preference(cells: Cells) -> None:
        _carry_preference(mover, cells)

    mover.each("merchant_profiles", profile)
    mover.each("payment_providers", account)
    mover.each("merchant_profile_rail_preferences", preference, key="rowid")


def _default_id(mover: Mover) -> str | None:
    sql = "SELECT id FROM merchant_profiles ORDER BY is_default DESC, created_at, id LIMIT 1"
    rows = mover.query(sql)
    return str(rows[0][0]) if rows else None


def _carry_profile(mover: Mover, cells: Cells, *, is_default: bool) -> None:
    if is_default and not cells.flag("is_default"):
        cells.changed("no profile was the default; the oldest, this one, is it now")
    port = cells.optional_number("smtp_port", low=-1, high=_PORT_MAX + 1)
    if port is not None and not 1 <= port <= _PORT_MAX:
        cells.changed(f"smtp_port {port} is no port; it is empty now")
        port = None
    password = cells.text("smtp_password", chars_max=MAIL_PASSWORD_CHARS_MAX)
    created_at = cells.at("created_at", otherwise=mover.now)
    name = cells.text("name", chars_max=NAME_CHARS_MAX) or ""
    if not name.strip():
        name = DEFAULT_PROFILE_NAME
        cells.changed(f"its name was blank; it is {name} now", "B-36")
    mover.tx.merchants.put_profile(
        MerchantProfile(
            id=MerchantProfileId(cells.required("id")),
            name=name,
            is_default=is_default,
            legal_name=cells.text("legal_name"),
            support_url=cells.text("support_url"),
            support_email=cells.text("support_email"),
            brand_color=cells.text("brand_color"),
            post_purchase_redirect_url=cells.text(
                "post_purchase_redirect_url", chars_max=URL_CHARS_MAX
            ),
            smtp_host=cells.text("smtp_host"),
            smtp_port=port,
            smtp_username=cells.text("smtp_username"),
            smtp_password=None if password is None else Secret(password),
            smtp_from_address=cells.text("smtp_from_address"),
            smtp_from_name=cells.text("smtp_from_name"),
            smtp_use_starttls=cells.flag("smtp_use_starttls"),
            created_at=created_at,
            updated_at=cells.at("updated_at", otherwise=created_at),
        )
    )


def _carry_account(mover: Mover, cells: Cells) -> None:
    kind = cells.raw("kind")
    if kind not in (ProviderKind.BTCPAY, ProviderKind.ZAPRITE):
        raise RowLeft("its kind is neither btcpay nor zaprite")
    known = ProviderKind(str(kind))
    webhook_secret = cells.text("webhook_secret")
    connected_at = cells.at("connected_at", otherwise=mover.now)
    mover.tx.merchants.put_account(
        ProviderAccount(
            id=ProviderAccountId(cells.required("id")),
            merchant_profile_id=MerchantProfileId(
                mover.needed(cells, "merchant_profile_id", "merchant_profiles")
            ),
            kind=known,
            label=cells.text("label", chars_max=NAME_CHARS_MAX) or "",
            served_rails=SERVED_RAILS[known],
            base_url=cells.text("base_url", chars_max=URL_CHARS_MAX) or "",
            api_key=Secret(cells.required("api_key")),
            webhook_id=cells.text("webhook_id"),
            webhook_secret=None if webhook_secret is None else Secret(webhook_secret),
            store_id=cells.text("store_id"),
            connected_at=connected_at,
            updated_at=cells.at("updated_at", otherwise=connected_at),
        )
    )


def _carry_preference(mover: Mover, cells: Cells) -> None:
    rail = cells.raw("rail")
    if rail not in set(Rail):
        raise RowLeft("its rail is not known")
    mover.tx.merchants.put_preference(
        RailPreference(
            merchant_profile_id=MerchantProfileId(
                mover.needed(cells, "merchant_profile_id", "merchant_profiles")
            ),
            rail=Rail(str(rail)),
            provider_account_id=ProviderAccountId(
                mover.needed(cells, "payment_provider_id", "payment_providers")
            ),
        )
    )
