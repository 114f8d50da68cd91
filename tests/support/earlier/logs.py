"""What the earlier server noted: the audit log, the validation log, and webhooks it sent."""

import json
from typing import Final

from tests.support.earlier.pen import DAY, Pen, Row, digest

AGENTS: Final = ("curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", None)
RESULTS: Final = (
    "ok",
    "bad_format",
    "bad_signature",
    "not_found",
    "product_mismatch",
    "revoked",
    "suspended",
    "expired",
    "fingerprint_mismatch",
    "too_many_machines",
)
EVENTS: Final = (
    "product.created",
    "license.issued",
    "license.tier_changed",
    "machine.activated",
    "code.redeemed",
    "subscription.renewed",
    "subscription.renewal_skipped",
)


def write_logs(pen: Pen, tokens: list[str]) -> None:
    """Write what happened to the licenses that are there, and who signed in with which tokens."""
    licenses = pen.rows["licenses"]
    _write_audit(pen, licenses, tokens)
    _write_validations(pen, licenses)
    _write_webhooks(pen, licenses)


def _write_audit(pen: Pen, licenses: list[Row], tokens: list[str]) -> None:
    master = digest("the master key")
    entries: list[Row] = [
        {
            "actor_kind": "admin_api_key",
            "actor_hash": master,
            "action": "license.issue_manual",
            "target_kind": "license",
            "target_id": license["id"],
            "details_json": json.dumps({"product_id": license["product_id"], "is_trial": False}),
        }
        for license in licenses[:300]
    ]
    entries += [
        {
            "actor_kind": "web_ui",
            "actor_hash": None,
            "action": "web_ui.login_ok",
            "target_kind": "session",
            "target_id": token,
            "details_json": "{}",
        }
        for token in tokens
    ]
    entries += [
        {
            "actor_kind": kind,
            "actor_hash": actor,
            "action": action,
            "target_kind": target,
            "details_json": details,
        }
        for kind, actor, action, target, details in (
            ("web_ui", None, "web_ui.login_failed", "settings", "{}"),
            ("system", None, "invoice.amount_mismatch", "invoice", '{"expected":1,"got":2}'),
            ("renewal_worker", None, "subscription.auto_charge_failed", "subscription", "{}"),
            ("buyer_self_service", digest("a@example.com"), "license.recovered", "license", "{}"),
            (
                "buyer_license_key",
                "a license id",
                "subscription.cancel",
                "subscription",
                '{"actor":"buyer"}',
            ),
            (
                "scoped_api_key",
                digest("ks_x"),
                "payment_provider.connect_scoped",
                None,
                '{"network":"regtest"}',
            ),
            ("admin_api_key", master, "product.update", "product", '{"name":null,"ü":"é\\u0000"}'),
        )
    ]
    pen.random.shuffle(entries)
    for number, entry in enumerate(entries, start=1):
        is_web = entry["actor_kind"] in {"admin_api_key", "web_ui"}
        # An insert that was rolled back may leave out a number.
        row = pen.put(
            "audit_log",
            id=number + (number > 50) + 2 * (number > 200),
            **entry,
            request_ip=f"203.0.113.{number % 256}" if is_web else None,
            user_agent=AGENTS[number % 3] if is_web else None,
            occurred_at=pen.ago((len(entries) - number) * 3_600),
        )
        pen.shows(row, f"audit.{entry['actor_kind']}")
        if entry["action"] == "web_ui.login_ok":
            pen.plant("B-02.audit", row)


def _write_validations(pen: Pen, licenses: list[Row]) -> None:
    for number in range(600):
        result = RESULTS[number % len(RESULTS)]
        license = licenses[number % len(licenses)]
        is_known = result not in {"bad_format", "bad_signature"}
        row = pen.put(
            "validation_log",
            id=number + 1,
            license_id=license["id"] if is_known else None,
            product_id=license["product_id"] if is_known else None,
            fingerprint=f"rig-{number}-é" if number % 3 else None,
            result=result,
            client_ip=f"192.0.2.{number % 256}" if number % 4 else None,
            user_agent=AGENTS[number % 3],
            occurred_at=pen.ago((600 - number) * 700),
            machine_id=pen.id() if result == "ok" and number % 3 else None,
            reason_detail="in_grace_period" if result == "ok" and number % 5 == 0 else None,
        )
        pen.shows(row, f"validation.{result}")


def _write_webhooks(pen: Pen, licenses: list[Row]) -> None:
    everything = _endpoint(pen, "https://hooks.example/all")
    some = _endpoint(
        pen,
        "http://192.168.1.20:8080/in?x=1",
        event_types=json.dumps(["license.issued", "license.revoked"]),
        description="Only licenses, für uns",
        secret="chosen by the operator, ünïcode",  # noqa: S106  a column that must be carried
    )
    off = _endpoint(pen, "https://off.example/", active=0, event_types="[]")
    for endpoint, feature in ((everything, "all"), (some, "some"), (off, "inactive")):
        pen.shows(endpoint, f"endpoint.{feature}")
    pen.plant("B-35.endpoint", _endpoint(pen, "not a URL", event_types='["no.such_event"]'))
    pen.plant("odd.endpoint_secret", _endpoint(pen, "https://bare.example/", secret=""))
    for number in range(90):
        event = EVENTS[number % len(EVENTS)]
        license_id = licenses[number % len(licenses)]["id"]
        age = _age_of(number)
        # One event goes to every endpoint with the same bytes.
        payload = json.dumps(
            {
                "event_type": event,
                "timestamp": pen.ago(age),
                "data": {"license_id": license_id, "note": "ü€"},
            },
            separators=(",", ":"),
            ensure_ascii=bool(number % 2),
        )
        for endpoint in (everything, some) if event == "license.issued" else (everything,):
            _deliver(pen, endpoint, event, payload, number=number)


def _deliver(pen: Pen, endpoint: Row, event: str, payload: str, *, number: int) -> None:
    state, age = ("delivered", "dead", "waiting")[number % 3], _age_of(number)
    ends: dict[str, Row] = {
        "delivered": {
            "attempt_count": 1 + number % 4,
            "delivered_at": pen.ago(age - 2),
            "last_status_code": 200,
        },
        "dead": {
            "attempt_count": 10,
            "last_status_code": 500,
            "last_error": "non-2xx response: <h1>Oops</h1>",
        },
        "waiting": {
            "attempt_count": number % 9,
            "next_attempt_at": pen.ago(-60),
            "last_error": "request error: timeout" if number % 9 else None,
        },
    }
    delivery = pen.put(
        "webhook_deliveries",
        id=pen.id(),
        endpoint_id=endpoint["id"],
        event_type=event,
        payload_json=payload,
        created_at=pen.ago(age),
        **ends[state],
    )
    pen.shows(delivery, f"delivery.{state}")


def _age_of(number: int) -> float:
    return number * 3_000.0 + 5


def _endpoint(pen: Pen, url: str, **cells: str | int) -> Row:
    return pen.put(
        "webhook_endpoints",
        **{
            "id": pen.id(),
            "url": url,
            "secret": pen.random.randbytes(32).hex(),
            "created_at": pen.ago(200 * DAY),
            "updated_at": pen.ago(30 * DAY),
            **cells,
        },
    )
