"""Fields of API keys, signing in, settings, and the database."""

from typing import Final

from keysat_http.vocabulary.term import UUID, Terms, claims, leads, names, says, when

SESSION: Final = "0f9a8c71d2e4"

OPERATING: Final[Terms] = {
    "action": says("What was done.", "license.issue"),
    "actor_hash": says("SHA-256 of the credential it was done with.", "9f86d081884c7d65"),
    "actor_kind": says("What kind of credential that was.", "scoped_api_key"),
    "active_licenses": says("Licenses that are in use, as a range.", 40),
    "already_revoked": claims("That it was revoked before; nothing was changed."),
    "api_keys": says("The API keys, newest first, revoked ones too."),
    "audit_log": says("Rows of the audit log.", 120),
    "collector_url": leads(
        "Where heartbeats are sent; null is nowhere.", "https://stats.example.com"
    ),
    "counts": says("How many of everything there are."),
    "csv": says(
        "The table: a header, then a row for each buyer.",
        "product_slug,buyer_email\neditor,ada@example.com\n",
    ),
    "csrf_token": says(
        "Send it as `X-CSRF-Token` with every change; null if not signed in.", "b3f0"
    ),
    "daemon_version": says("The version of this server.", "0.3.0"),
    "db_path": says("Where the database is.", "/data/keysat.db"),
    "db_size_bytes": says("The size of the database.", 4_096_000),
    "delivery_days": says("How long finished deliveries are kept; null is for ever.", 90),
    "details": says("More about it, by name.", {}),
    "discount_codes": says("Discount codes there are.", 2),
    "effective": says("The name that is shown.", "Editor Ltd"),
    "entries": says("The rows of this page, newest first."),
    "failed": says("How many rows are wrong.", 0),
    "fallback_env": says("The name the environment gives.", "Editor Ltd"),
    "has_password": claims("Whether a password is set."),
    "install_uuid": says("A random number of this installation.", UUID),
    "invoices_settled": says("Invoices that are settled.", 30),
    "invoices_total": says("Invoices there are.", 44),
    "is_total_exact": claims(
        "Whether `total` is exact; of very long lists it is the least there are."
    ),
    "issued": says("How many licenses were issued.", 1),
    "last_used_at": when("When it was last used; at most a minute old."),
    "last_write_at": when("When the database was last written to."),
    "licenses_active": says("Licenses that are in use.", 40),
    "licenses_total": says("Licenses there are.", 42),
    "logged_in": claims("Whether this browser is signed in."),
    "machines_active": says("Machines that hold a seat.", 51),
    "on_error": says(
        "`abort` issues nothing if a row is wrong, `skip` leaves the row out.", "abort"
    ),
    "operator_name": says("The name that is stored.", "Editor Ltd"),
    "password": says("The password of the admin pages, at least 12 bytes.", "a long pass phrase"),
    "preview_heartbeat": says("What would be sent."),
    "request_ip": says("The address it came from.", "203.0.113.9"),
    "restart_required": claims("Whether the server must be restarted.", example=False),
    "role": says("What the key may do.", "support"),
    "row": says("The number of the row; the header is 1.", 2),
    "rows": says("What became of each row."),
    "schema_version": says("The version of the database.", 12),
    "scopes": says("What it may do beside its role.", []),
    "settled_invoices": says("Invoices that were paid, as a range.", 30),
    "sessions": says("Who is signed in, the one seen last first."),
    "signed_in_with": says("`password`, `master_key` or `api_key`.", "password"),
    "SignInBody.api_key": says("The master key, or the token of an API key.", "ks_…"),
    "SignInBody.password": says("The password of the admin pages.", "a long pass phrase"),
    "ConnectProblem.failed_at": when("When it failed."),
    "ConnectProblem.message": says("What went wrong.", "the key covers several stores"),
    "ConnectProblem.stores": says("Those the key covers, if that is what has to be chosen."),
    "MerchantProfileDetail.connect_failure": says("Why the last try to connect BTCPay failed."),
    "SignInStatus.label": says("What the API key is called.", "Anna"),
    "SignInStatus.role": says("`master`, or the role of the API key.", "master"),
    "SignInStatus.scopes": says("What the session may do.", ["licenses:read"]),
    "stored": says("The name that is stored; null if none is.", "Editor Ltd"),
    "target_id": says("Of what it was done to.", UUID),
    "target_kind": says("What kind of thing that is.", "license"),
    "token": says("The API key; it is never shown again.", "ks_…"),
    "uptime_bucket": says("How long the server has been running, roughly.", "1d-7d"),
    "user_agent": says("The program it came from.", "curl/8.5.0"),
    "validation_days": says("How long validations are kept.", 90),
    "wal_size_bytes": says("The size of the write-ahead log.", 4_096),
    "WebSession.api_key_id": names("Of the API key."),
    "WebSession.created_at": when("When somebody signed in."),
    "WebSession.expires_at": when("When it ends if it is not used."),
    "WebSession.ip": says("Where somebody signed in from.", "203.0.113.9"),
    "WebSession.is_current": claims("Whether this is asked from it."),
    "WebSession.label": says("What the API key is called.", "Anna"),
    "WebSession.last_seen_at": when("When it was last used; at most a minute old."),
    "WebSession.name": says("The session's name: the beginning of its hash.", SESSION),
    "WebSession.role": says("The role of the API key.", "support"),
    "EndedWebSession.name": says("The session's name.", SESSION),
    "EndedWebSessions.ended": says("How many have ended.", 2),
    "KeptSession.keep": says("The session that stays open.", SESSION),
    "window": says("What was asked for, where it was a window of time."),
}
