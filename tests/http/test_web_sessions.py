"""Who is signed in to the admin pages, as operators see it, and signing them out."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.support.browsers import (
    Browser,
    audit,
    shop_with_password,
    signed_in,
    signed_in_with_key,
)
from tests.support.http import ADMIN_KEY
from tests.support.shop import Shop

SESSIONS: Final = "/v1/admin/web-sessions"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shop_with_password() as running:
        yield running


def listed(browser: Browser) -> Any:
    answer = browser.ask("GET", SESSIONS)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["sessions"])
    return answer.json()["sessions"]


def own_name(browser: Browser) -> str:
    (own,) = [one["name"] for one in listed(browser) if one["is_current"]]
    return str(own)


def change(browser: Browser, method: str, path: str, **request: Any) -> Any:
    return browser.ask(method, path, headers={"x-csrf-token": browser.csrf}, **request)


def test_every_open_session_is_listed_with_what_it_was_opened_with(shop: Shop) -> None:
    made = shop.admin("POST", "/api-keys", json={"label": "Anna", "role": "support"})
    by_key = signed_in_with_key(shop, made["token"])
    shop.clock.turn(1)
    by_master = signed_in_with_key(shop, ADMIN_KEY)
    shop.clock.turn(60)
    browser = signed_in(shop, **{"user-agent": "Firefox"})
    own, master, anna = listed(browser)
    assert own["signed_in_with"] == "password"
    assert (own["is_current"], own["user_agent"], own["ip"]) == (True, "Firefox", "203.0.113.9")
    assert own["name"] == own_name(browser)
    assert (master["signed_in_with"], master["is_current"]) == ("master_key", False)
    assert (anna["signed_in_with"], anna["label"], anna["role"]) == ("api_key", "Anna", "support")
    assert anna["api_key_id"] == made["id"]
    assert by_master.is_signed_in
    assert listed(browser)[1]["last_seen_at"] > master["last_seen_at"]
    assert browser.token not in browser.ask("GET", SESSIONS).text
    shop.admin("DELETE", f"/api-keys/{made['id']}")
    assert [one["signed_in_with"] for one in listed(browser)] == ["password", "master_key"]
    assert not by_key.is_signed_in
    shop.clock.turn(86_401)
    assert shop.admin("GET", "/web-sessions") == {"sessions": [], "total": 0}


def test_one_session_is_ended_by_its_name_and_audited(shop: Shop) -> None:
    browser, other = signed_in(shop), signed_in(shop)
    name = own_name(other)
    assert browser.ask("DELETE", f"{SESSIONS}/{name}").json()["code"] == "csrf_token_invalid"
    assert change(browser, "DELETE", f"{SESSIONS}/{name}").json() == {"ok": True, "name": name}
    assert not other.is_signed_in
    assert browser.is_signed_in
    (entry,) = audit(shop, "web_ui.end_session")
    assert (entry.actor_kind, entry.target_kind, entry.target_id) == (
        "web_session",
        "session",
        name,
    )
    assert entry.details["opened_by"] == "password"
    assert change(browser, "DELETE", f"{SESSIONS}/{name}").status_code == 404
    assert len(audit(shop, "web_ui.end_session")) == 1


def test_all_others_are_signed_out_but_never_oneself(shop: Shop) -> None:
    browser = signed_in(shop)
    made = shop.admin("POST", "/api-keys", json={"label": "Anna", "role": "support"})
    others = [signed_in(shop), signed_in_with_key(shop, made["token"])]
    answer = change(browser, "POST", f"{SESSIONS}/end-others", json={})
    assert answer.json() == {"ok": True, "ended": 2}
    assert [one.is_signed_in for one in others] == [False, False]
    assert browser.is_signed_in
    ended = audit(shop, "web_ui.end_session")
    assert {entry.details.get("opened_with_key") for entry in ended} == {None, made["id"]}


def test_a_script_says_which_session_stays_open(shop: Shop) -> None:
    browser, other = signed_in(shop), signed_in(shop)
    path = "/web-sessions/end-others"
    refused = shop.admin("POST", path, json={}, ok=False)
    assert (refused.status_code, refused.json()["detail"][0]["field"]) == (400, "keep")
    assert shop.admin("POST", path, json={"keep": "nobody"}, ok=False).status_code == 404
    assert other.is_signed_in
    assert shop.admin("POST", path, json={"keep": own_name(browser)})["ended"] == 1
    assert (browser.is_signed_in, other.is_signed_in) == (True, False)


def test_only_the_master_sees_and_ends_sessions(shop: Shop) -> None:
    made = shop.admin("POST", "/api-keys", json={"label": "Anna", "role": "full-admin"})
    helper, browser = signed_in_with_key(shop, made["token"]), signed_in(shop)
    name = own_name(browser)
    assert helper.ask("GET", SESSIONS).status_code == 403
    assert change(helper, "DELETE", f"{SESSIONS}/{name}").status_code == 403
    assert change(helper, "POST", f"{SESSIONS}/end-others", json={}).status_code == 403
    assert browser.is_signed_in
