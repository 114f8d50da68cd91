"""Who may do what in the earlier shop: API keys, sessions, settings, and how fast."""

from base64 import urlsafe_b64encode
from typing import Final

from tests.support.earlier.pen import DAY, Cell, Pen, digest

WEB_PASSWORD: Final = "a moon of thirteen nights"  # noqa: S105  the password of the fixture
WEB_PASSWORD_HASH: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$9QCv143hdexk3GPQqUDODQ"  # noqa: S105
    "$yIjQ/VM8QMeaHjQhb3DjJ/uQSVMA1TWRmSrWbAncHIs"
)
SETTINGS: Final = {
    "operator_name": "Lantern Works",
    "web_ui_password_hash": WEB_PASSWORD_HASH,
    "community_analytics_enabled": "true",
    "community_install_uuid": "6f0c1a52-9c0b-4c6e-9b55-1f3f4f8c2d11",
    "community_collector_url": "https://collector.example/in",
    "manual_rate_pin_USD": "64250.75",
    "manual_rate_pin_EUR": "59800",
    "a key of an older version": "kept",
}
ROLES: Final = ("read-only", "license-issuer", "support", "merchant-onboard", "full-admin")
BUCKETS: Final = {
    "web_login": (5.0, 1 / 180),
    "validate_ip": (60.0, 1.0),
    "heartbeat_license": (60.0, 1 / 60),
    "recover_ip": (10.0, 1 / 6),
}


def write_access(pen: Pen) -> list[str]:
    """Write keys, sessions, settings and buckets; give the tokens of sessions, past ones too."""
    for name, value in SETTINGS.items():
        pen.put("settings", key=name, value=value, updated_at=pen.ago(30 * DAY))
        pen.features[f"setting.{name}"].append(name)
    _write_keys(pen)
    for kind, (capacity, refill) in BUCKETS.items():
        for number in range(3):
            pen.put(
                "rate_buckets",
                bucket_kind=kind,
                bucket_key=f"192.0.2.{number}",
                tokens_remaining=capacity / 3,
                capacity=capacity,
                refill_per_second=refill,
                last_refill_at=pen.ago(number),
            )
    return _write_sessions(pen)


def token_of_key(role: str) -> str:
    """Give the token of the key that has a role."""
    text = urlsafe_b64encode(bytes.fromhex(digest(f"the key of {role}"))).decode().rstrip("=")
    return f"ks_{text}"


def _write_keys(pen: Pen) -> None:
    for role in ROLES:
        row = _key(pen, role, digest(token_of_key(role)), last_used_at=pen.ago(DAY))
        pen.shows(row, f"api_key.{role}")
    revoked = _key(pen, "full-admin", digest("ks_revoked"), revoked_at=pen.ago(9 * DAY))
    extra = _key(pen, "support", digest("ks_extra"), extra_scopes='["payment_providers:write"]')
    broken = _key(pen, "support", digest("ks_broken"), extra_scopes="[payment_providers:write")
    pen.shows(revoked, "api_key.revoked")
    pen.shows(extra, "api_key.extra_scopes")
    pen.plant("odd.extra_scopes", broken)


def _key(pen: Pen, role: str, token_hash: str, **cells: Cell) -> dict[str, Cell]:
    return pen.put(
        "scoped_api_keys",
        id=pen.id(),
        label=f"Für {role}",
        token_hash=token_hash,
        role=role,
        created_at=pen.ago(60 * DAY),
        **cells,
    )


def _write_sessions(pen: Pen) -> list[str]:
    tokens = []
    for number in range(6):
        token = urlsafe_b64encode(pen.random.randbytes(32)).decode().rstrip("=")
        tokens.append(token)
        # The audit log also names sessions that were reaped since.
        if number < 3:
            pen.put(
                "sessions",
                token=token,
                created_at=pen.ago(number * 8 * 3_600 + 60),
                expires_at=pen.ago(number * 8 * 3_600 + 60 - DAY),
                last_seen_at=pen.ago(30),
                ip="203.0.113.7",
                user_agent="Mozilla/5.0",
            )
            pen.features["session.clear_token"].append(token)
    return tokens
