"""Telling a database of the earlier server, and whether it is the one that can be moved in.

Source: admin-api 3 (tables and columns at version 25), lifecycles 13.1 and 13.2 (ledger, adoption by
shape and never by checksum), decisions 24 (only version 25).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import apsw

from keysat_adapters.sqlite.connection import is_file_there, open_unchanging
from keysat_adapters.sqlite.ledger import EARLIER_LEDGER
from keysat_adapters.sqlite.refusals import refusal
from keysat_core.errors import MigrationRefused

VERSION: Final = 25
"""The only version that can be moved in. Source: decisions 24."""

COLUMNS: Final[Mapping[str, str]] = {
    "products": (
        "id slug name description price_sats active metadata_json created_at updated_at"
        " price_currency price_value entitlements_catalog_json merchant_profile_id"
    ),
    "policies": (
        "id product_id name slug duration_seconds grace_seconds max_machines is_trial"
        " price_sats_override entitlements_json metadata_json active created_at updated_at"
        " tip_recipient tip_pct_bps tip_label public price_currency_override"
        " price_value_override is_recurring renewal_period_days grace_period_days trial_days"
        " tier_rank archived_at"
    ),
    "licenses": (
        "id product_id invoice_id status fingerprint bound_identity issued_at revoked_at"
        " revocation_reason metadata_json policy_id expires_at grace_seconds max_machines"
        " suspended_at suspension_reason entitlements_json is_trial nostr_npub buyer_email"
    ),
    "invoices": (
        "id btcpay_invoice_id product_id status buyer_email buyer_note amount_sats checkout_url"
        " created_at updated_at policy_id listed_currency listed_value exchange_rate_centibps"
        " exchange_rate_source payment_provider_id"
    ),
    "machines": (
        "id license_id fingerprint fingerprint_hash hostname platform ip_last_seen activated_at"
        " last_heartbeat_at deactivated_at deactivation_reason"
    ),
    "discount_codes": (
        "id code kind amount max_uses used_count expires_at applies_to_product_id"
        " applies_to_policy_id referrer_label description active created_at updated_at"
        " discount_currency featured applies_to_policy_ids_json"
    ),
    "discount_redemptions": (
        "id code_id invoice_id license_id status discount_applied_sats base_price_sats"
        " final_price_sats created_at updated_at"
    ),
    "subscriptions": (
        "id license_id policy_id product_id period_days listed_currency listed_value status"
        " started_at next_renewal_at cancelled_at cancellation_reason last_renewal_attempt_at"
        " consecutive_failures created_at updated_at zaprite_contact_id"
        " zaprite_payment_profile_id zaprite_payment_profile_method"
        " zaprite_payment_profile_expires_at merchant_profile_id payment_provider_id"
    ),
    "subscription_invoices": (
        "id subscription_id invoice_id cycle_number cycle_start_at cycle_end_at created_at"
    ),
    "tier_changes": (
        "id license_id from_policy_id to_policy_id direction listed_currency"
        " proration_charge_value invoice_id effective_at actor reason created_at"
    ),
    "merchant_profiles": (
        "id name legal_name support_url support_email brand_color post_purchase_redirect_url"
        " is_default smtp_host smtp_port smtp_username smtp_password smtp_from_address"
        " smtp_from_name smtp_use_starttls created_at updated_at"
    ),
    "payment_providers": (
        "id merchant_profile_id kind label api_key base_url webhook_id webhook_secret store_id"
        " connected_at updated_at"
    ),
    "merchant_profile_rail_preferences": "merchant_profile_id rail payment_provider_id",
    "btcpay_authorize_state": (
        "state_token created_at merchant_profile_id scoped_initiator initiator_actor_hash"
    ),
    "webhook_endpoints": "id url secret event_types active description created_at updated_at",
    "webhook_deliveries": (
        "id endpoint_id event_type payload_json attempt_count next_attempt_at last_status_code"
        " last_error delivered_at created_at"
    ),
    "tip_attempts": (
        "id license_id policy_id recipient amount_sats pct_bps label status detail payment_hash"
        " created_at"
    ),
    "audit_log": (
        "id actor_kind actor_hash action target_kind target_id request_ip user_agent"
        " details_json occurred_at"
    ),
    "validation_log": (
        "id license_id product_id fingerprint result client_ip user_agent occurred_at machine_id"
        " reason_detail"
    ),
    "scoped_api_keys": "id label token_hash role created_at last_used_at revoked_at extra_scopes",
    "sessions": "token created_at expires_at last_seen_at ip user_agent",
    "settings": "key value updated_at",
    "rate_buckets": (
        "bucket_kind bucket_key tokens_remaining capacity refill_per_second last_refill_at"
    ),
    "server_keys": "id algorithm public_key_pem private_key_pem created_at",
}
"""Every table of version 25 and its columns."""


def is_earlier(path: Path) -> bool:
    """Tell whether a file is a database of the earlier server, without changing a byte of it.

    Raises:
        StoreBusy, StoreUnavailable: It cannot be read, or is no database.
    """
    if not is_file_there(path) or not path.stat().st_size:
        return False
    connection = open_unchanging(path)
    try:
        return bool(_tables(connection).keys() & {EARLIER_LEDGER})
    finally:
        connection.close()


def refuse_unless_complete(connection: apsw.Connection) -> None:
    """Let through a database at version 25 that has the shape of it.

    Raises:
        MigrationRefused: It is older or newer, a migration failed, or it lacks tables or columns.
        StoreBusy, StoreUnavailable: It cannot be read.
    """
    tables = _tables(connection)
    if EARLIER_LEDGER not in tables:
        raise MigrationRefused("this is no database of the earlier Keysat server")
    try:
        rows = connection.execute(f"SELECT version, success FROM {EARLIER_LEDGER}").fetchall()  # noqa: S608  a constant
    except apsw.Error as exc:
        raise refusal(exc) from exc
    _refuse_version({int(str(version)): bool(success) for version, success in rows})
    lacking = [
        f"{table}.{column}" if table in tables else f"{table} (the whole table)"
        for table, columns in COLUMNS.items()
        for column in columns.split()
        if column not in tables.get(table, ())
    ]
    if lacking:
        named = ", ".join(dict.fromkeys(lacking))
        raise MigrationRefused(
            f"the database says that it is at version {VERSION}, but it lacks {named}. It was left"
            " untouched; start the earlier server on it once, or restore a backup of it"
        )


def strange_tables(connection: apsw.Connection) -> list[str]:
    """Name the tables that version 25 does not have."""
    return sorted(_tables(connection).keys() - COLUMNS.keys() - {EARLIER_LEDGER})


def _refuse_version(ledger: Mapping[int, bool]) -> None:
    """Raises ``MigrationRefused`` unless every migration up to 25 was made, and no other."""
    newest = max(ledger, default=0)
    failed = sorted(version for version, is_done in ledger.items() if not is_done)
    missing = sorted(set(range(1, VERSION + 1)) - ledger.keys())
    if failed:
        raise MigrationRefused(
            f"migration {failed[0]} of the earlier server failed half-way; start the earlier server"
            " until it works again, then start this one"
        )
    if newest > VERSION:
        raise MigrationRefused(
            f"the database is at version {newest} of the earlier server, and this program knows only"
            f" {VERSION}; install a newer Keysat, or restore a backup made at version {VERSION}"
        )
    if missing:
        raise MigrationRefused(
            f"the database is at version {newest} of the earlier server and must be at {VERSION}."
            f" Install the last release of the earlier server (the one whose schema is at {VERSION}),"
            " start it once on this database, stop it, then start this one. Nothing was changed"
        )


def _tables(connection: apsw.Connection) -> dict[str, tuple[str, ...]]:
    """Give the tables of a database with their columns."""
    sql = (
        "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name, c.cid"
    )
    found: dict[str, tuple[str, ...]] = {}
    try:
        for table, column in connection.execute(sql).fetchall():
            found[str(table)] = (*found.get(str(table), ()), str(column))
    except apsw.Error as exc:
        raise refusal(exc) from exc
    return found
