"""Names of the settings an operator changes while the server runs (admin-api 4)."""

from typing import Final

OPERATOR_NAME: Final = "operator_name"
"""The seller's name."""

WEB_PASSWORD_HASH: Final = "web_ui_password_hash"  # noqa: S105  the setting's name
"""What the password of the admin pages is verified with, as an Argon2 PHC string."""

RATE_PIN_PREFIX: Final = "manual_rate_pin_"
"""The operator's own rate of a currency: this and the currency's code."""

RATE_LAST_PREFIX: Final = "rate_last_"
"""The last rate that the sources of a currency gave: this and the currency's code."""

ACCEPT_LATE_PAYMENTS: Final = "accept_late_payments"
"""``1``: a payment that came after expiry is accepted once it is final (decisions 17)."""

TIPS_DAILY_CAP_SATS: Final = "tips_daily_cap_sats"
"""The most that is tipped within 24 hours, in whole sats; unset: no cap (payments 13)."""

RETENTION_VALIDATION_DAYS: Final = "retention_validation_days"
"""Whole days that validations are kept, or ``keep`` (B-47)."""

RETENTION_DELIVERY_DAYS: Final = "retention_delivery_days"
"""Whole days that finished deliveries are kept, or ``keep`` (B-47)."""

COMMUNITY_ENABLED: Final = "community_analytics_enabled"
"""``1``, or ``true`` as earlier servers wrote it too: heartbeats are sent (admin-api 4)."""

COMMUNITY_UUID: Final = "community_install_uuid"
"""The random id in heartbeats."""

COMMUNITY_URL: Final = "community_collector_url"
"""Where heartbeats are sent."""

BACKUP_LAST_AT: Final = "backup.last_at"
"""When the last verified backup was made, in Unix seconds."""

BACKUP_LAST_PATH: Final = "backup.last_path"
"""Where it was put."""

BACKUP_SCHEDULED_AT: Final = "backup.scheduled_at"
"""When the last good scheduled backup was begun, in Unix seconds."""

BACKUP_FAILED_AT: Final = "backup.failed_at"
"""When the last scheduled backup failed, in Unix seconds; unset after a good one."""

BACKUP_FAILURES: Final = "backup.failures"
"""How many scheduled backups failed since the last good one."""

BACKUP_PROBLEM: Final = "backup.problem"
"""Why the last one failed."""


def webhook_base_of(account_id: str) -> str:
    """Name the setting with the public address that one account's webhook leads to."""
    return f"webhooks.public_url:{account_id}"


def connect_failure_of(profile_id: str) -> str:
    """Name the setting that tells why a profile's last try to connect came to nothing."""
    return f"btcpay.connect_failure:{profile_id}"


def is_on(text: str | None) -> bool:
    """Read a setting that is on or off; off unless it says so."""
    return text == "1"


def on_or_off(is_wanted: bool) -> str:  # noqa: FBT001  the one value this is about
    """Spell a setting that is on or off."""
    return "1" if is_wanted else "0"
