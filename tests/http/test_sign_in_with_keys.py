"""Signing in to the admin pages with a key: what the session may do, and for how long."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import msgspec
import pytest

from keysat_core.domain.access import Role, scopes_of
from keysat_core.domain.actor import EVERY_SCOPE, Scope
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.ids import ApiKeyId
from keysat_core.use_cases.access.revoke_key import revoke_key
from tests.support.browsers import (
    LIST,
    PASSWORD,
    Browser,
    attempt,
    attempt_with,
    audit,
    shop_with_password,
    signed_in,
    signed_in_with_key,
)
from tests.support.http import ADMIN_KEY
from tests.support.shop import Shop, running_shop
from tests.support.trade import OPERATOR

STRANGE: Final = (
    "",
    "x",
    ADMIN_KEY + "x",
    ADMIN_KEY[:-1],
    "ks_" + "A" * 43,
    "ks_\ufffd",
    "k" * 99_000,
)


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop without a password: keys are all there is to sign in with."""
    with running_shop() as running:
        yield running


def new_key(shop: Shop, role: str = "support", scopes: tuple[str, ...] = ()) -> Any:
    body = {"label": f"Anna's {role}", "role": role, "scopes": list(scopes)}
    return shop.admin("POST", "/api-keys", json=body)


def status_of(browser: Browser) -> Any:
    return browser.ask("GET", "/admin/login/status").json()


def test_the_master_key_opens_a_session_that_may_do_everything(shop: Shop) -> None:
    browser = signed_in_with_key(shop, ADMIN_KEY)
    assert browser.change(**{"x-csrf-token": browser.csrf}).status_code == 200
    assert browser.ask("GET", "/v1/admin/api-keys").status_code == 200
    status = status_of(browser)
    assert set(status.pop("scopes")) == set(EVERY_SCOPE)
    assert status == {
        "has_password": False,
        "logged_in": True,
        "csrf_token": browser.csrf,
        "signed_in_with": "master_key",
        "role": "master",
    }
    (entry,) = audit(shop, "web_ui.login_ok")
    assert dict(entry.details) == {"by": "master_key"}
    created = audit(shop, "product.create")[0]
    assert created.actor_hash == sha256(ADMIN_KEY.encode()).hexdigest()


@pytest.mark.parametrize("role", Role)
def test_a_session_may_do_exactly_what_the_key_may(shop: Shop, role: Role) -> None:
    extra = ("payment_providers:write",) if role is Role.SUPPORT else ()
    made = new_key(shop, role, extra)
    browser = signed_in_with_key(shop, made["token"])
    status = status_of(browser)
    expected = scopes_of(role, tuple(Scope(scope) for scope in extra))
    assert status["scopes"] == sorted(expected)
    assert Scope.MASTER not in expected
    assert (status["signed_in_with"], status["role"], status["label"]) == (
        "api_key",
        role,
        f"Anna's {role}",
    )
    may_write = Scope.PRODUCTS_WRITE in expected
    answer = browser.change(**{"x-csrf-token": browser.csrf})
    assert answer.status_code == (200 if may_write else 403), answer.text
    assert browser.ask("GET", "/v1/admin/api-keys").status_code == 403
    if may_write:
        assert browser.change().json()["code"] == "csrf_token_invalid"


@pytest.mark.betters("B-08")
def test_what_is_done_in_a_session_names_the_session_and_the_key_behind_it(shop: Shop) -> None:
    made = new_key(shop, "full-admin")
    browser = signed_in_with_key(shop, made["token"])
    assert browser.change(**{"x-csrf-token": browser.csrf}).status_code == 200
    entry = audit(shop, "product.create")[0]
    assert (entry.actor_kind, entry.actor_hash) == (
        "web_session",
        sha256(made["token"].encode()).hexdigest(),
    )
    assert entry.details["api_key_id"] == made["id"]
    assert entry.details["actor_id"] == sha256(browser.token.encode()).hexdigest()[:12]
    (opened,) = audit(shop, "web_ui.login_ok")
    assert dict(opened.details) == {
        "by": "api_key",
        "api_key_id": made["id"],
        "label": "Anna's full-admin",
    }
    browser.ask("POST", "/admin/logout")
    (ended,) = audit(shop, "web_ui.logout")
    assert ended.details["api_key_id"] == made["id"]


def test_a_session_ends_when_another_process_revokes_its_key(shop: Shop) -> None:
    made, other = new_key(shop), new_key(shop)
    browser = signed_in_with_key(shop, made["token"])
    stays = signed_in_with_key(shop, other["token"])
    master = signed_in_with_key(shop, ADMIN_KEY)
    assert browser.is_signed_in
    ports = shop.ports
    revoke_key(OPERATOR, ApiKeyId(made["id"]), store=ports.store, clock=ports.clock, ids=ports.ids)
    assert browser.ask("GET", LIST).status_code == 401
    assert status_of(browser) == {"has_password": False, "logged_in": False}
    assert stays.is_signed_in
    assert master.is_signed_in
    assert attempt_with(shop, {"api_key": made["token"]}).status_code == 401
    refused = audit(shop, "web_ui.login_failed")[0]
    assert (refused.target_kind, refused.target_id) == ("api_key", made["id"])
    assert refused.details["label"] == "Anna's support"


def test_a_session_of_the_master_key_ends_when_the_master_key_becomes_another(shop: Shop) -> None:
    browser, stays = (
        signed_in_with_key(shop, ADMIN_KEY),
        signed_in_with_key(shop, new_key(shop)["token"]),
    )
    with shop.ports.store.writing() as tx:
        for session in tx.web_sessions.list_sessions(9):
            if session.master_key_hash is not None:
                before = sha256(b"the key of before").hexdigest()
                tx.web_sessions.put_session(
                    msgspec.structs.replace(session, master_key_hash=before)
                )
    assert not browser.is_signed_in
    assert stays.is_signed_in


@pytest.mark.parametrize("key", STRANGE, ids=range(len(STRANGE)))
def test_a_key_nobody_knows_is_refused_and_audited_without_it(shop: Shop, key: str) -> None:
    response = attempt_with(shop, {"api_key": key})
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
    assert "set-cookie" not in response.headers
    (entry,) = audit(shop, "web_ui.login_failed")
    assert (entry.actor_kind, entry.actor_hash, entry.target_kind) == ("web_ui", None, None)
    assert dict(entry.details) == {"by": "api_key"}


@pytest.mark.parametrize(
    "body", [{}, {"password": None}, {"password": PASSWORD, "api_key": ADMIN_KEY}, {"api_key": 1}]
)
def test_it_is_the_password_or_a_key_and_never_both(shop: Shop, body: object) -> None:
    for _ in range(6):
        response = attempt_with(shop, body)
        assert response.status_code == 400, "and it costs no attempt"
    assert attempt_with(shop, {"api_key": ADMIN_KEY}).status_code == 204


def test_guesses_at_keys_and_at_the_password_are_counted_together() -> None:
    with shop_with_password() as shop:
        for _ in range(3):
            assert attempt_with(shop, {"api_key": "wrong"}).status_code == 401
        assert [attempt(shop, "wrong").status_code for _ in range(2)] == [401] * 2
        refused = attempt_with(shop, {"api_key": ADMIN_KEY})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "180")


def test_a_new_password_ends_the_sessions_of_keys_too_and_a_key_still_signs_in(shop: Shop) -> None:
    made = new_key(shop)
    browsers = [signed_in_with_key(shop, key) for key in (ADMIN_KEY, made["token"])]
    shop.admin("POST", "/web-password", json={"password": PASSWORD})
    assert [browser.is_signed_in for browser in browsers] == [False, False]
    assert signed_in_with_key(shop, made["token"]).is_signed_in
    assert signed_in(shop).is_signed_in


def test_using_a_session_is_using_its_key(shop: Shop) -> None:
    made = new_key(shop)
    browser = signed_in_with_key(shop, made["token"])

    def last_used() -> str:
        (key,) = shop.admin("GET", "/api-keys")["api_keys"]
        return str(key["last_used_at"])

    signed_in_at = last_used()
    assert signed_in_at.endswith("Z")
    shop.clock.turn(90)
    assert browser.is_signed_in
    assert last_used() > signed_in_at


def test_no_key_is_kept_anywhere(shop: Shop) -> None:
    made = new_key(shop)
    browsers = [signed_in_with_key(shop, key) for key in (ADMIN_KEY, made["token"])]
    attempt_with(shop, {"api_key": "a key that is none"})
    with shop.ports.store.reading() as tx:
        rows = [row.entry for row in tx.audit_log.list_rows(AuditFilter(limit=99))]
        kept = msgspec.json.encode([rows, tx.web_sessions.list_sessions(9)])
        kept += b"".join(event.body for event in tx.trail.list_events(limit=99))
    for secret in (ADMIN_KEY, made["token"], "a key that is none", *(b.token for b in browsers)):
        assert secret.encode() not in kept
