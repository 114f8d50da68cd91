"""Fields of API keys, signing in, settings, and the database."""

from typing import Final

from keysat_http.vocabulary.term import UUID, Terms, claims, leads, says, when

OPERATING: Final[Terms] = {
    "active_licenses": says("Licenses that are in use, as a range.", 40),
    "already_revoked": claims("That it was revoked before; nothing was changed."),
    "api_keys": says("The API keys, newest first, revoked ones too."),
    "audit_log": says("Rows of the audit log.", 120),
    "collector_url": leads(
        "Where heartbeats are sent; null is nowhere.", "https://stats.example.com"
    ),
    "counts": says("How many of everything there are."),
    "csrf_token": says(
        "Send it as `X-CSRF-Token` with every change; null if not signed in.", "b3f0"
    ),
    "daemon_version": says("The version of this server.", "0.3.0"),
    "db_path": says("Where the database is.", "/data/keysat.db"),
    "db_size_bytes": says("The size of the database.", 4_096_000),
    "delivery_days": says("How long finished deliveries are kept; null is for ever.", 90),
    "discount_codes": says("Discount codes there are.", 2),
    "effective": says("The name that is shown.", "Editor Ltd"),
    "fallback_env": says("The name the environment gives.", "Editor Ltd"),
    "has_password": claims("Whether a password is set."),
    "install_uuid": says("A random number of this installation.", UUID),
    "invoices_settled": says("Invoices that are settled.", 30),
    "invoices_total": says("Invoices there are.", 44),
    "last_used_at": when("When it was last used; at most a minute old."),
    "last_write_at": when("When the database was last written to."),
    "licenses_active": says("Licenses that are in use.", 40),
    "licenses_total": says("Licenses there are.", 42),
    "logged_in": claims("Whether this browser is signed in."),
    "machines_active": says("Machines that hold a seat.", 51),
    "operator_name": says("The name that is stored.", "Editor Ltd"),
    "password": says("The password of the admin pages, at least 12 bytes.", "a long pass phrase"),
    "preview_heartbeat": says("What would be sent."),
    "restart_required": claims("Whether the server must be restarted.", example=False),
    "role": says("What the key may do.", "support"),
    "schema_version": says("The version of the database.", 12),
    "scopes": says("What it may do beside its role.", []),
    "settled_invoices": says("Invoices that were paid, as a range.", 30),
    "stored": says("The name that is stored; null if none is.", "Editor Ltd"),
    "token": says("The API key; it is never shown again.", "ks_…"),
    "uptime_bucket": says("How long the server has been running, roughly.", "1d-7d"),
    "validation_days": says("How long validations are kept.", 90),
    "wal_size_bytes": says("The size of the write-ahead log.", 4_096),
}
