"""People signed in to the admin pages: the password, the cookie, the session and its CSRF token."""

from collections.abc import Iterator
from hashlib import sha256
from http.cookies import SimpleCookie
from typing import Final

import httpx
import msgspec
import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.audit_list import AuditFilter
from keysat_core.domain.setting import WEB_PASSWORD_HASH
from keysat_core.limits import WEB_SESSIONS_MAX
from keysat_core.use_cases.server.purge_expired import purge_expired
from tests.support.browsers import (
    LIST,
    PASSWORD,
    Browser,
    attempt,
    audit,
    cookie_in,
    shop_with_password,
    signed_in,
)
from tests.support.builders import make_web_session
from tests.support.direct import answered
from tests.support.http import ADMIN, ADMIN_KEY, START
from tests.support.shop import Shop, running_shop

DAY: Final = 86_400


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shop_with_password() as running:
        yield running


# --- the password -----------------------------------------------------------------------------------


def test_the_real_password_hash_is_kept_and_checked() -> None:
    with running_shop() as shop:
        status = shop.client.get("/admin/login/status").json()
        assert status == {"has_password": False, "logged_in": False}
        refused = attempt(shop)
        assert (refused.status_code, refused.json()["error"]) == (503, "service_unavailable")
        answer = shop.admin("POST", "/web-password", json={"password": PASSWORD})
        assert answer == {"ok": True}
        with shop.ports.store.reading() as tx:
            stored = tx.settings.find_setting(WEB_PASSWORD_HASH)
        assert stored is not None
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert signed_in(shop).is_signed_in
        assert attempt(shop, PASSWORD + "!").status_code == 401
        (entry,) = audit(shop, "web_ui.set_password")
        assert (entry.target_kind, entry.target_id) == ("settings", "web_ui_password_hash")
        assert dict(entry.details) == {"ok": True}


@pytest.mark.parametrize("password", ["", "elevenbytes", "x" * 1_025])
def test_a_password_has_12_bytes_or_more(shop: Shop, password: str) -> None:
    response = shop.admin("POST", "/web-password", json={"password": password}, ok=False)
    assert (response.status_code, response.json()["detail"][0]["field"]) == (400, "password")
    assert len(password) < 12 or password not in response.text


def test_a_new_password_ends_every_session(shop: Shop) -> None:
    browser, other = signed_in(shop), signed_in(shop)
    body = {"password": "another good password"}
    changed = browser.ask(
        "POST", "/v1/admin/web-password", json=body, headers={"x-csrf-token": browser.csrf}
    )
    assert changed.json() == {"ok": True}
    assert not browser.is_signed_in
    assert not other.is_signed_in
    assert attempt(shop).status_code == 401
    assert attempt(shop, "another good password").status_code == 204


def test_a_damaged_hash_lets_nobody_in_and_says_what_to_do() -> None:
    with running_shop() as shop:
        with shop.ports.store.writing() as tx:
            tx.settings.put_setting(WEB_PASSWORD_HASH, "plain", START)
        response = attempt(shop, "plain")
        assert response.status_code == 503
        assert "keysat password set" in response.json()["message"]


# --- signing in -------------------------------------------------------------------------------------


def test_signing_in_gives_a_cookie_and_a_csrf_token(shop: Shop) -> None:
    response = attempt(shop)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["cache-control"] == "no-store"
    cookie = response.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    token, _, attributes = rest.partition("; ")
    assert name == "keysat_session"
    assert len(token) == 43
    assert attributes == "Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=86400"
    browser = Browser(shop, response)
    status = browser.ask("GET", "/admin/login/status").json()
    scopes = status.pop("scopes")
    assert set(scopes) == set(Scope)
    assert status == {
        "has_password": True,
        "logged_in": True,
        "csrf_token": browser.csrf,
        "signed_in_with": "password",
        "role": "master",
    }
    assert shop.client.get("/admin/login/status").json()["logged_in"] is False


@pytest.mark.betters("B-02")
def test_no_token_and_no_password_is_kept_anywhere(shop: Shop) -> None:
    browser = signed_in(shop)
    attempt(shop, "a wrong password")
    with shop.ports.store.reading() as tx:
        session = tx.web_sessions.find_session(sha256(browser.token.encode()).hexdigest())
        assert session is not None
        rows = [row.entry for row in tx.audit_log.list_rows(AuditFilter(limit=99))]
        bodies = b"".join(event.body for event in tx.trail.list_events(limit=99))
    kept = msgspec.json.encode([session, rows]) + bodies
    for secret in (browser.token, browser.csrf, PASSWORD, "a wrong password"):
        assert secret.encode() not in kept
    (entry,) = audit(shop, "web_ui.login_ok")
    assert (entry.actor_kind, entry.actor_hash, entry.target_kind) == ("web_ui", None, "session")
    assert session.token_hash.startswith(entry.target_id)
    assert len(entry.target_id) == 12
    assert dict(entry.details) == {"by": "password"}


def test_a_wrong_password_is_refused_and_audited(shop: Shop) -> None:
    response = attempt(shop, "a wrong password")
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
    assert "set-cookie" not in response.headers
    assert attempt(shop, "x" * 100_000).status_code == 401
    entry = audit(shop, "web_ui.login_failed")[0]
    assert (entry.actor_kind, entry.actor_hash) == ("web_ui", None)
    assert (entry.target_kind, entry.target_id) == ("settings", "web_ui_password_hash")
    assert dict(entry.details) == {"by": "password"}
    assert entry.request_ip == "203.0.113.9"


def test_signing_in_again_never_keeps_a_session_that_was_there(shop: Shop) -> None:
    old = signed_in(shop)
    new = signed_in(shop, cookie=old.cookie)
    assert new.token != old.token
    assert new.is_signed_in
    assert not old.is_signed_in
    forged = "keysat_session=" + "A" * 43
    assert cookie_in(attempt(shop, cookie=forged)) != forged


def test_only_so_many_are_signed_in_and_the_longest_unused_leave(shop: Shop) -> None:
    with shop.ports.store.writing() as tx:
        for number in range(WEB_SESSIONS_MAX):
            tx.web_sessions.put_session(
                make_web_session(token_hash=str(number), last_seen_at=number)
            )
    assert signed_in(shop).is_signed_in
    with shop.ports.store.reading() as tx:
        assert tx.web_sessions.find_session("0") is None
        assert tx.web_sessions.find_session("1") is not None


def test_signing_out_is_a_post(shop: Shop) -> None:
    response = shop.client.get("/admin/logout")
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")


# --- guessing ---------------------------------------------------------------------------------------


def test_five_attempts_and_one_more_every_three_minutes(shop: Shop) -> None:
    assert [attempt(shop).status_code for _ in range(3)] == [204] * 3
    assert [attempt(shop, "wrong").status_code for _ in range(2)] == [401] * 2
    refused = attempt(shop)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "180")
    failures = len(audit(shop, "web_ui.login_failed"))
    shop.clock.turn(180)
    assert attempt(shop).status_code == 204
    assert attempt(shop, "wrong").status_code == 429
    assert len(audit(shop, "web_ui.login_failed")) == failures
    shop.app.limiter.flush(shop.clock.now())
    with shop.ports.store.reading() as tx:
        assert tx.buckets.find_bucket("web_login", "203.0.113.9") is not None


@pytest.mark.betters("B-03")
def test_a_forged_forwarding_header_is_no_new_address(shop: Shop) -> None:
    for number in range(5):
        attempt(shop, "wrong", **{"x-forwarded-for": f"198.51.100.{number}"})
    assert attempt(shop, **{"x-forwarded-for": "198.51.100.99"}).status_code == 429


@pytest.mark.betters("B-03")
def test_whoever_has_many_addresses_meets_the_limit_of_all() -> None:
    with shop_with_password(trusted=["203.0.113.0/24"]) as shop:

        def from_(number: int) -> httpx.Response:
            return attempt(shop, "wrong", **{"x-forwarded-for": f"198.51.{number}.7"})

        assert {from_(number).status_code for number in range(100)} == {401}
        refused = from_(200)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        # IPv6 addresses of one household are one address.
        shop.clock.turn(DAY)
        statuses = [
            attempt(shop, "wrong", **{"x-forwarded-for": f"2001:db8::{number}"}).status_code
            for number in range(6)
        ]
        assert statuses == [401] * 5 + [429]


def test_guessing_is_limited_where_a_proxy_limits_everything_else() -> None:
    with shop_with_password(peer="127.0.0.1", is_rate_limited=False) as shop:
        statuses = [attempt(shop, "wrong").status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]


# --- being signed in --------------------------------------------------------------------------------


@pytest.mark.betters("B-08")
def test_a_session_may_do_what_the_master_key_may_in_its_own_name(shop: Shop) -> None:
    browser = signed_in(shop)
    assert browser.is_signed_in
    response = browser.change(**{"x-csrf-token": browser.csrf})
    assert response.status_code == 200, response.text
    entry = audit(shop, "product.create")[0]
    assert entry.actor_kind == "web_session"
    assert entry.actor_hash == sha256(ADMIN_KEY.encode()).hexdigest()
    digest = sha256(browser.token.encode()).hexdigest()
    assert entry.details["actor_id"] == digest[:12]


def test_a_change_needs_the_csrf_token(shop: Shop) -> None:
    browser, other = signed_in(shop), signed_in(shop)
    wrong = ["", "x", browser.csrf[:-1], browser.csrf + "x", browser.token, other.csrf]
    for headers in ({}, *({"x-csrf-token": value} for value in wrong)):
        response = browser.change(**headers)
        assert response.status_code == 403, headers
        assert (response.json()["error"], response.json()["code"]) == (
            "forbidden",
            "csrf_token_invalid",
        )
        assert "X-CSRF-Token" in response.json()["message"]
    for method in ("PATCH", "DELETE"):
        assert browser.ask(method, LIST + "/x").json()["code"] == "csrf_token_invalid"
    assert browser.ask("HEAD", LIST).status_code == 200
    twice = [("cookie", browser.cookie), *[("x-csrf-token", browser.csrf)] * 2]
    assert answered(shop.client, "POST", LIST, twice).status == 403
    assert browser.change(**{"x-csrf-token": browser.csrf}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "CROSS-SITE", "nonsense", ""])
def test_another_site_cannot_use_the_cookie(shop: Shop, site: str) -> None:
    browser = signed_in(shop)
    elsewhere = {"sec-fetch-site": site}
    for response in (
        browser.ask("GET", LIST, headers=elsewhere),
        browser.change(**elsewhere, **{"x-csrf-token": browser.csrf}),
        browser.ask("POST", "/admin/logout", headers=elsewhere),
        attempt(shop, **elsewhere),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "cross_site_request")
        assert "set-cookie" not in response.headers
    assert browser.is_signed_in
    # Whoever has a key of its own is no browser acting for somebody else.
    assert shop.client.get(LIST, headers=ADMIN | elsewhere).status_code == 200


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_pages_can(shop: Shop, site: str) -> None:
    browser = signed_in(shop, **{"sec-fetch-site": site})
    headers = {"sec-fetch-site": site, "x-csrf-token": browser.csrf}
    assert browser.change(**headers).status_code == 200


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer wrong", "Bearer "])
def test_any_authorization_header_turns_the_cookie_off(shop: Shop, authorization: str) -> None:
    browser = signed_in(shop)
    response = browser.ask("GET", LIST, headers={"authorization": authorization})
    assert response.status_code == (403 if authorization.startswith("Bearer ") else 401)


def test_the_first_cookie_of_the_name_counts(shop: Shop) -> None:
    browser = signed_in(shop)
    good, bad = browser.cookie, "keysat_session=" + "A" * 43
    for sent, status in (
        (f"a=b; {good}; c=d", 200),
        (f' keysat_session = "{browser.token}" ', 200),
        (f"{good}; {bad}", 200),
        (f"{bad}; {good}", 401),
        (f"Keysat_Session={browser.token}", 401),
        (f"xkeysat_session={browser.token}", 401),
        (f"keysat_session={browser.token}x", 401),
        (f"keysat_session={browser.token[:-1]}", 401),
        ("keysat_session=", 401),
        ("keysat_session", 401),
        ("keysat_session=" + "A" * 20_000, 401),
        ("keysat_session=" + "%" * 43, 401),
    ):
        answer = shop.client.get(LIST, headers={"cookie": sent})
        assert answer.status_code == status, sent[:80]
    split = [("cookie", "a=b"), ("cookie", good)]
    assert answered(shop.client, "GET", LIST, split).status == 200


def test_a_session_that_cannot_be_read_is_none(shop: Shop) -> None:
    browser = signed_in(shop)
    key = shop.admin("POST", "/api-keys", json={"label": "CI", "role": "read-only"})["token"]
    shop.ports.store.close()  # type: ignore[attr-defined]
    assert browser.ask("GET", LIST).status_code == 401
    # A key that cannot be looked up is not a wrong one.
    assert shop.client.get(LIST, headers={"authorization": f"Bearer {key}"}).status_code == 503
    assert shop.client.get(LIST, headers=ADMIN).status_code == 503


# --- how long -------------------------------------------------------------------------------------


def flushed(shop: Shop) -> None:
    """Have the uses written, as a tick does every few seconds."""
    shop.admin("GET", "/api-keys")


def test_an_unused_session_ends_after_a_day(shop: Shop) -> None:
    browser = signed_in(shop)
    shop.clock.turn(DAY + 1)
    assert not browser.is_signed_in
    assert browser.ask("GET", "/admin/login/status").json()["logged_in"] is False
    assert purge_expired(store=shop.ports.store, clock=shop.clock).web_sessions == 1


@pytest.mark.betters("B-05")
def test_a_used_session_lasts_a_day_longer_and_its_cookie_too(shop: Shop) -> None:
    browser = signed_in(shop)
    shop.clock.turn(59)
    assert "set-cookie" not in browser.ask("GET", LIST).headers
    shop.clock.turn(DAY - 59)
    answer = browser.ask("GET", LIST)
    assert cookie_in(answer) == browser.cookie
    assert answer.headers["set-cookie"].endswith("; SameSite=Strict; Max-Age=86400")
    assert "set-cookie" not in browser.ask("GET", LIST).headers, "once a minute"
    flushed(shop)
    shop.clock.turn(DAY)
    assert browser.is_signed_in


@pytest.mark.betters("B-05")
def test_no_session_lasts_longer_than_a_week(shop: Shop) -> None:
    browser = signed_in(shop)
    last = ""
    for _ in range(13):
        shop.clock.turn(DAY // 2)
        last = browser.ask("GET", LIST).headers["set-cookie"]
        flushed(shop)
    assert SimpleCookie(last)["keysat_session"]["max-age"] == str(DAY // 2)
    shop.clock.turn(DAY // 2)
    assert browser.is_signed_in
    shop.clock.turn(1)
    assert not browser.is_signed_in


def test_what_is_refused_and_what_only_asks_prolongs_nothing(shop: Shop) -> None:
    browser = signed_in(shop)
    shop.clock.turn(DAY)
    assert "set-cookie" not in browser.change().headers
    assert "set-cookie" not in browser.ask("GET", "/admin/login/status").headers
    flushed(shop)
    shop.clock.turn(1)
    assert not browser.is_signed_in


def test_a_use_that_is_written_late_brings_no_ended_session_back(shop: Shop) -> None:
    browser = signed_in(shop)
    shop.clock.turn(61)
    assert browser.is_signed_in
    assert browser.ask("POST", "/admin/logout").status_code == 204
    flushed(shop)
    assert not browser.is_signed_in


# --- signing out ----------------------------------------------------------------------------------


@pytest.mark.betters("B-08")
def test_signing_out_ends_the_session_and_takes_the_cookie_away(shop: Shop) -> None:
    browser, other = signed_in(shop), signed_in(shop)
    response = browser.ask("POST", "/admin/logout")
    assert (response.status_code, response.content) == (204, b"")
    cleared = "keysat_session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0"
    assert response.headers["set-cookie"] == cleared
    assert not browser.is_signed_in
    assert other.is_signed_in
    (entry,) = audit(shop, "web_ui.logout")
    assert (entry.actor_kind, entry.target_kind) == ("web_session", "session")
    assert entry.target_id == sha256(browser.token.encode()).hexdigest()[:12]
    again = browser.ask("POST", "/admin/logout")
    assert (again.status_code, again.headers["set-cookie"]) == (204, cleared)
    assert len(audit(shop, "web_ui.logout")) == 1


@pytest.mark.betters("B-11")
def test_secure_is_left_out_only_where_the_operator_says_so() -> None:
    with shop_with_password(is_cookie_secure=False) as shop:
        response = attempt(shop)
        attributes = response.headers["set-cookie"].partition("; ")[2]
        assert attributes == "Path=/; HttpOnly; SameSite=Strict; Max-Age=86400"
        assert Browser(shop, response).is_signed_in


@pytest.mark.parametrize(
    ("peer", "said", "is_secure"),
    [
        ("10.0.3.1", {"x-forwarded-proto": "https"}, True),
        ("10.0.3.1", {"x-forwarded-proto": "http"}, False),
        ("10.0.3.1", {}, False),
        ("192.168.1.9", {"x-forwarded-proto": "https"}, False),
    ],
    ids=["proxied https", "proxied http", "silent proxy", "forged"],
)
def test_where_plain_http_is_allowed_who_comes_by_https_has_a_cookie_for_it(
    peer: str, said: dict[str, str], *, is_secure: bool
) -> None:
    with shop_with_password(is_cookie_secure=False, trusted=("10.0.3.1/32",), peer=peer) as shop:
        response = attempt(shop, PASSWORD, **said)
        assert ("; Secure;" in response.headers["set-cookie"]) is is_secure
        left = signed_in(shop).ask("POST", "/admin/logout", headers=said)
        assert ("; Secure;" in left.headers["set-cookie"]) is is_secure
