"""Carrying the signing key, the API keys and the settings."""

from decimal import Decimal, InvalidOperation

from keysat_adapters.sqlite.earlier.cells import Cells, RowLeft, shown
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.access import GRANTABLE, Role
from keysat_core.domain.actor import Scope
from keysat_core.domain.api_key import ApiKey
from keysat_core.domain.ids import ApiKeyId
from keysat_core.domain.inspection import usable_signing_key
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import RATE_PIN_PREFIX
from keysat_core.errors import InvariantError, SigningKeyUnusable
from keysat_core.signing import SigningKey

_KEY = "SELECT private_key_pem, public_key_pem, created_at FROM server_keys WHERE id = 1"


def carry_signing_key(mover: Mover) -> SigningKey:
    """Carry the key that signed every license, as it is spelled.

    Raises:
        SigningKeyUnusable: It is missing, damaged, or belongs to another public key.
    """
    rows = mover.query(_KEY)
    if not rows:
        raise SigningKeyUnusable("the earlier database has none: it never finished its first start")
    private_pem, public_pem, _ = rows[0]
    signing_key = usable_signing_key((Secret(str(private_pem)), str(public_pem)))

    def key(cells: Cells) -> None:
        created_at = cells.at("created_at", otherwise=mover.now)
        mover.tx.settings.put_signing_key_pem(Secret(str(private_pem)), str(public_pem), created_at)

    mover.each("server_keys", key)
    return signing_key


def carry_api_keys(mover: Mover) -> None:
    """Carry API keys, whose tokens go on working: only their hash was ever kept."""

    def key(cells: Cells) -> None:
        role = cells.raw("role")
        if role not in set(Role):
            raise RowLeft("its role is not known, so that its token proves nothing any more")
        mover.tx.api_keys.put_key(
            ApiKey(
                id=ApiKeyId(cells.required("id")),
                label=cells.text("label") or "",
                token_hash=cells.required("token_hash"),
                role=Role(str(role)),
                extra_scopes=_extra_scopes(cells),
                created_at=cells.at("created_at", otherwise=mover.now),
                last_used_at=cells.optional_at("last_used_at"),
                revoked_at=_revoked_at(mover, cells),
            )
        )

    mover.each("scoped_api_keys", key)


def carry_settings(mover: Mover) -> None:
    """Carry settings, those nobody here knows too; a rate that is none is left."""

    def setting(cells: Cells) -> None:
        key, value = cells.required("key"), cells.text("value")
        if value is None:
            raise RowLeft("it has no value")
        if key.startswith(RATE_PIN_PREFIX):
            _refuse_bad_pin(key, value)
        mover.tx.settings.put_setting(key, value, cells.at("updated_at", otherwise=mover.now))

    mover.each("settings", setting, key="key")


def _revoked_at(mover: Mover, cells: Cells) -> Instant | None:
    """A key that was revoked stays revoked, whatever its time says."""
    found = cells.optional_at("revoked_at")
    return mover.now if found is None and cells.raw("revoked_at") is not None else found


def _extra_scopes(cells: Cells) -> tuple[Scope, ...]:
    """Give what may be granted; what cannot be read grants nothing (admin-api 1.2)."""
    words = cells.words("extra_scopes")
    kept = tuple(sorted(scope for scope in GRANTABLE if scope in words))
    unknown = sorted(set(words) - set(kept))
    if unknown:
        cells.changed(f"scopes that nothing grants were left: {', '.join(unknown)}")
    return kept


def _refuse_bad_pin(key: str, value: str) -> None:
    currency = key.removeprefix(RATE_PIN_PREFIX)
    if currency not in set(Currency):
        raise RowLeft(f"{shown(currency)} is no currency that prices can be in")
    try:
        Rate(currency=Currency(currency), units_per_btc=Decimal(value), source="pin")
    except (InvalidOperation, InvariantError):
        raise RowLeft(
            f"{shown(value)} is no rate: a positive number of units for a bitcoin"
        ) from None
